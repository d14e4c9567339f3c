//! HTTP to origins: no redirects, a timeout over head and body, a cap on the body while it streams.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;
use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{
    AbortSignal, ReadableStream, ReadableStreamDefaultReader, RequestInit, RequestRedirect,
    Response,
};
use worker::Env;

use super::stores::binding;
use super::turn::Promised;
use crate::ports::{
    Assets, OriginHttp, OriginHttpError, OriginRequest, OriginResponse, StoreError,
};

/// Fetch, and the bindings whose fetch presents a client certificate.
pub(super) struct Fetch(Env);

#[wasm_bindgen]
extern "C" {
    /// A binding with a `fetch` of its own. By hand: the crate's brings a serialiser into objects.
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
        Ok(Self(binding(env, name)?.unchecked_into()))
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
        // Without its binding a request must not go out at all: it would go out without the
        // certificate.
        let certificate =
            request.certificate.as_deref().map(|name| binding(&self.0, name)).transpose();
        async move {
            let certificate = certificate.map_err(|_| OriginHttpError::Certificate)?;
            send(request, certificate.map(wasm_bindgen::JsCast::unchecked_into)).await
        }
        .boxed_local()
    }
}

impl Assets for StaticFiles {
    fn read(&self, path: &'static str) -> LocalBoxFuture<'static, Result<String, StoreError>> {
        let files = self.0.clone();
        async move {
            // The host is not looked at: the binding serves by path.
            let answer = files
                .fetch(&format!("https://assets.local{path}"))
                .map_err(|_| StoreError::Unavailable)?;
            let answer = Promised::new(&answer).await.map_err(|_| StoreError::Unavailable)?;
            let answer: Response = answer.dyn_into().map_err(|_| StoreError::Unavailable)?;
            let text = answer.text().map_err(|_| StoreError::Unavailable)?;
            let text = Promised::new(&text).await.map_err(|_| StoreError::Unavailable)?.as_string();
            text.filter(|_| answer.ok()).ok_or(StoreError::Unavailable)
        }
        .boxed_local()
    }
}

async fn send(
    request: OriginRequest,
    certificate: Option<Fetcher>,
) -> Result<OriginResponse, OriginHttpError> {
    let response = head(&request, certificate.as_ref())
        .await
        .map_err(|error| failure(&error, OriginHttpError::Connection))?;
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let (content_type, retry_after) = (header("content-type"), header("retry-after"));
    // HTTP holds a body to the length that it states, unless it is compressed or in chunks,
    // whatever stands beside that (RFC 9112 §6.3). Then it can be taken in one piece, which is
    // cheaper; every other is counted while it streams.
    let is_held = header("content-encoding").is_none() && header("transfer-encoding").is_none();
    let stated = header("content-length").filter(|_| is_held);
    let is_short = stated
        .and_then(|length| length.parse::<usize>().ok())
        .is_some_and(|length| length <= request.max_bytes);
    let read = match response.body() {
        None => Ok(Some(Vec::new())),
        Some(_) if is_short => read_whole(&response).await,
        Some(stream) => read_capped(&stream, request.max_bytes).await,
    };
    let body = read.map_err(|error| failure(&error, OriginHttpError::Incomplete))?;
    let body =
        body.filter(|body| body.len() <= request.max_bytes).ok_or(OriginHttpError::TooLarge)?;
    Ok(OriginResponse { status: response.status(), content_type, retry_after, body })
}

async fn head(request: &OriginRequest, certificate: Option<&Fetcher>) -> Result<Response, JsValue> {
    let headers = web_sys::Headers::new()?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method);
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    // Covers the body too: the signal aborts its stream.
    init.set_signal(Some(&AbortSignal::timeout_with_u32(request.timeout_ms)));
    if let Some(body) = &request.body {
        init.set_body(&Uint8Array::from(body.as_slice()).into());
    }
    let outgoing = web_sys::Request::new_with_str_and_init(&request.url, &init)?;
    let promise = match certificate {
        Some(binding) => binding.fetch_request(&outgoing)?,
        None => js_sys::global()
            .unchecked_into::<web_sys::WorkerGlobalScope>()
            .fetch_with_request(&outgoing),
    };
    Promised::new(&promise).await?.dyn_into()
}

async fn read_whole(response: &Response) -> Result<Option<Vec<u8>>, JsValue> {
    let bytes = Promised::new(&response.array_buffer()?).await?;
    Ok(Some(Uint8Array::new(&bytes).to_vec()))
}

/// Reads a stream to its end, or stops at the limit with nothing.
pub(super) async fn read_capped(
    stream: &ReadableStream,
    limit: usize,
) -> Result<Option<Vec<u8>>, JsValue> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into()?;
    let mut bytes = Vec::new();
    loop {
        let chunk = Promised::new(&reader.read()).await?;
        if Reflect::get(&chunk, &"done".into())?.is_truthy() {
            return Ok(Some(bytes));
        }
        let chunk: Uint8Array = Reflect::get(&chunk, &"value".into())?.dyn_into()?;
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if bytes.len().saturating_add(length) > limit {
            // Nobody waits for the end of what is thrown away.
            let _ = reader.cancel();
            return Ok(None);
        }
        bytes.extend(chunk.to_vec());
    }
}

/// A timeout, or what else it means at this point.
fn failure(error: &JsValue, otherwise: OriginHttpError) -> OriginHttpError {
    let name = Reflect::get(error, &"name".into())
        .ok()
        .and_then(|name| name.as_string())
        .unwrap_or_default();
    match name.as_str() {
        "TimeoutError" | "AbortError" => OriginHttpError::Timeout,
        _ => otherwise,
    }
}
