//! HTTP to origins and to other services, and the static files. Follows no redirect, has a timeout
//! over head and body, and counts the body's bytes while it streams.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use js_sys::{Array, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    AbortSignal, ReadableStream, ReadableStreamDefaultReader, RequestInit, RequestRedirect,
    Response,
};
use worker::Env;

use super::bindings;
use super::executor::Operation;
use crate::ports::{
    Assets, HttpClient, HttpError, HttpRequest, HttpResponse, OriginHttp, OriginHttpError,
    OriginRequest, OriginResponse, StoreError,
};

/// The runtime's fetch, and the bindings whose fetch presents a client certificate.
pub(super) struct Fetch(Env);

#[wasm_bindgen]
extern "C" {
    /// A binding with a `fetch` of its own. The `worker` crate's converts requests by way of its
    /// own types and of `url`.
    #[derive(Clone)]
    type Fetcher;
    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Fetcher, url: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = fetch)]
    fn fetch_request(this: &Fetcher, request: &web_sys::Request) -> Result<Promise, JsValue>;
}

/// The binding of the static files.
pub(super) struct StaticFiles(Fetcher);

impl StaticFiles {
    pub(super) fn new(env: &Env, name: &str) -> worker::Result<Self> {
        Ok(Self(bindings::find(env, name)?.unchecked_into()))
    }
}

impl Fetch {
    pub(super) fn new(env: &Env) -> Self {
        Self(env.clone())
    }
}

impl OriginHttp for Fetch {
    fn send(
        &self,
        request: OriginRequest,
    ) -> LocalBoxFuture<'static, Result<OriginResponse, OriginHttpError>> {
        // A request whose binding is missing must not go out without its certificate.
        let certificate =
            request.certificate.as_deref().map(|name| bindings::find(&self.0, name)).transpose();
        async move {
            let certificate = certificate.map_err(|_| OriginHttpError::Certificate)?;
            let outgoing = Outgoing {
                method: request.method,
                url: &request.url,
                headers: &request.headers,
                body: request.body.as_deref(),
                timeout_ms: request.timeout_ms,
                max_bytes: request.max_bytes,
            };
            let certificate = certificate.map(wasm_bindgen::JsCast::unchecked_into);
            let (response, body) = outgoing.exchange(certificate.as_ref()).await?;
            Ok(OriginResponse {
                status: response.status(),
                content_type: header(&response, "content-type"),
                retry_after: header(&response, "retry-after"),
                body,
            })
        }
        .boxed_local()
    }
}

impl HttpClient for Fetch {
    fn send(
        &self,
        request: HttpRequest,
    ) -> LocalBoxFuture<'static, Result<HttpResponse, HttpError>> {
        async move {
            let outgoing = Outgoing {
                method: request.method,
                url: &request.url,
                headers: &request.headers,
                body: request.body.as_deref(),
                timeout_ms: request.timeout_ms,
                max_bytes: request.max_bytes,
            };
            let (response, body) = outgoing.exchange(None).await?;
            Ok(HttpResponse { status: response.status(), headers: headers(&response)?, body })
        }
        .boxed_local()
    }
}

impl Assets for StaticFiles {
    fn read(&self, path: &'static str) -> LocalBoxFuture<'static, Result<String, StoreError>> {
        let files = self.0.clone();
        async move {
            // The binding serves by path and ignores the host.
            let response = files
                .fetch(&format!("https://assets.local{path}"))
                .map_err(|_| StoreError::Unavailable)?;
            let response =
                Operation::from_promise(&response).await.map_err(|_| StoreError::Unavailable)?;
            let response: Response = response.dyn_into().map_err(|_| StoreError::Unavailable)?;
            let text = response.text().map_err(|_| StoreError::Unavailable)?;
            let text = Operation::from_promise(&text)
                .await
                .map_err(|_| StoreError::Unavailable)?
                .as_string();
            text.filter(|_| response.ok()).ok_or(StoreError::Unavailable)
        }
        .boxed_local()
    }
}

/// The parts that requests to origins and to other services share.
struct Outgoing<'a> {
    method: &'static str,
    url: &'a str,
    headers: &'a [(String, String)],
    body: Option<&'a [u8]>,
    timeout_ms: u32,
    max_bytes: usize,
}

impl Outgoing<'_> {
    /// Sends the request, through the binding of a client certificate if there is one.
    async fn exchange(
        &self,
        certificate: Option<&Fetcher>,
    ) -> Result<(Response, Vec<u8>), HttpError> {
        let response = self
            .send(certificate)
            .await
            .map_err(|error| classify(&error, HttpError::Connection))?;
        // HTTP holds a body to its Content-Length, unless it is compressed or chunked, whatever
        // stands beside that (RFC 9112 §6.3). Reading such a body in one piece is cheaper; every
        // other body is counted while it streams.
        let is_exact = header(&response, "content-encoding").is_none()
            && header(&response, "transfer-encoding").is_none();
        let length = header(&response, "content-length").filter(|_| is_exact);
        let fits = length
            .and_then(|length| length.parse::<usize>().ok())
            .is_some_and(|length| length <= self.max_bytes);
        let body = match response.body() {
            None => Ok(Some(Vec::new())),
            Some(_) if fits => read_whole(&response).await,
            Some(stream) => read_capped(&stream, self.max_bytes).await,
        };
        let body = body.map_err(|error| classify(&error, HttpError::Incomplete))?;
        let body = body.filter(|body| body.len() <= self.max_bytes).ok_or(HttpError::TooLarge)?;
        Ok((response, body))
    }

    /// Sends the request and awaits the response's head.
    async fn send(&self, certificate: Option<&Fetcher>) -> Result<Response, JsValue> {
        let headers = web_sys::Headers::new()?;
        for (name, value) in self.headers {
            headers.append(name, value)?;
        }
        let init = RequestInit::new();
        init.set_method(self.method);
        init.set_headers(&headers);
        init.set_redirect(RequestRedirect::Manual);
        // The signal aborts the body's stream too.
        init.set_signal(Some(&AbortSignal::timeout_with_u32(self.timeout_ms)));
        if let Some(body) = self.body {
            init.set_body(&Uint8Array::from(body).into());
        }
        let request = web_sys::Request::new_with_str_and_init(self.url, &init)?;
        let promise = match certificate {
            Some(binding) => binding.fetch_request(&request)?,
            None => js_sys::global()
                .unchecked_into::<web_sys::WorkerGlobalScope>()
                .fetch_with_request(&request),
        };
        Operation::from_promise(&promise).await?.dyn_into()
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    // OK because `get` fails for malformed names only, and ours are constants.
    response.headers().get(name).ok().flatten()
}

fn headers(response: &Response) -> Result<Vec<(String, String)>, HttpError> {
    let broken = |_| HttpError::Incomplete;
    let pairs = js_sys::try_iter(&response.headers()).map_err(broken)?;
    let pair = |pair: Result<JsValue, JsValue>| {
        let pair = Array::from(&pair.map_err(broken)?);
        match (pair.get(0).as_string(), pair.get(1).as_string()) {
            (Some(name), Some(value)) => Ok((name, value)),
            _ => Err(HttpError::Incomplete),
        }
    };
    pairs.into_iter().flatten().map(pair).collect()
}

async fn read_whole(response: &Response) -> Result<Option<Vec<u8>>, JsValue> {
    let bytes = Operation::from_promise(&response.array_buffer()?).await?;
    Ok(Some(Uint8Array::new(&bytes).to_vec()))
}

/// Reads a stream to its end; `None` if it is longer than `limit`.
pub(super) async fn read_capped(
    stream: &ReadableStream,
    limit: usize,
) -> Result<Option<Vec<u8>>, JsValue> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    let mut bytes = Vec::new();
    loop {
        let chunk = Operation::from_promise(&reader.read()).await?;
        if Reflect::get(&chunk, &"done".into())?.is_truthy() {
            return Ok(Some(bytes));
        }
        let chunk: Uint8Array = Reflect::get(&chunk, &"value".into())?.dyn_into()?;
        // OK because usize has 32 bits at least.
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if bytes.len().saturating_add(length) > limit {
            // OK because nothing depends on the end of a discarded stream.
            let _ = reader.cancel();
            return Ok(None);
        }
        bytes.extend(chunk.to_vec());
    }
}

/// Classifies an exception: a timeout, or `otherwise`.
fn classify(error: &JsValue, otherwise: HttpError) -> HttpError {
    let name = Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string());
    match name.as_deref() {
        Some("TimeoutError" | "AbortError") => HttpError::Timeout,
        _ => otherwise,
    }
}
