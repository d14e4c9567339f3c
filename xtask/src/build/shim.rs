//! Takes the class out of what worker-build wraps around the Worker. For classes that last, it
//! makes three proxies and an object of a class for every request, a tenth of what a plain Worker
//! takes for the whole of it (benches/README.md). Handlers need none: a module may export an object
//! of them.
//!
//! Written for the worker-build that `tools` installs, and its text after esbuild; another one is
//! an error, not a guess.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

/// The same module with an object of handlers as its default export.
///
/// # Errors
/// Where the text is not what worker-build makes.
pub fn with_plain_handlers(module: &str) -> Result<String> {
    let (body, _) = module.rsplit_once("export{").context("no list of exports")?;
    let check = check(body).context("no call that starts a new instance after a panic")?;
    let report = report(body).context("no listener to errors")?;
    let mut handlers = String::new();
    for part in body.split(".prototype.").skip(1) {
        let Some((event, function)) = handler(part) else { continue };
        write!(
            handlers,
            "{event}(event,env,context){{{check}();try{{return {function}(event,env,context)}}catch(error){{{report}(error);throw error}}}},"
        )?;
    }
    if !handlers.starts_with("fetch(") {
        bail!("no handler of fetch");
    }
    Ok(format!("{body}export default{{{handlers}}};\n"))
}

/// `fetch=function(e){return ce.call(this,e,this.env,this.ctx)}`: the event and the function behind
/// it.
fn handler(text: &str) -> Option<(&str, &str)> {
    let (event, rest) = text.split_once("=function(")?;
    let (argument, rest) = rest.split_once("){return ")?;
    let (function, rest) = rest.split_once(".call(this,")?;
    let is_whole = rest.strip_prefix(argument)?.starts_with(",this.env,this.ctx)}");
    (is_whole && is_name(event) && is_name(function)).then_some((event, function))
}

/// `function te(){p.criticalError&&(`: its name.
fn check(body: &str) -> Option<&str> {
    let (before, _) = body.split_once(".criticalError&&(")?;
    let (name, _) = before.rsplit_once("function ")?.1.split_once("(){")?;
    is_name(name).then_some(name)
}

/// `addEventListener("error",r=>{ne(r.error)})`: the name in it.
fn report(body: &str) -> Option<&str> {
    let (_, rest) = body.split_once("addEventListener(\"error\",")?;
    let (name, _) = rest.split_once("=>{")?.1.split_once('(')?;
    is_name(name).then_some(name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADE: &str = r#"var p=se();function te(){p.criticalError&&(console.log("x"),M())}addEventListener("error",r=>{ne(r.error)});var D=class extends Me{};v.prototype[Symbol.dispose]=v.prototype.free;D.prototype.fetch=function(e){return ce.call(this,e,this.env,this.ctx)};D.prototype.scheduled=function(t){return a$.call(this,t,this.env,this.ctx)};var Ne=new Proxy(D,C);export{Ve as R2Range,Ne as default};"#;

    #[test]
    fn ok_an_object_of_handlers() {
        let made = with_plain_handlers(MADE).expect("of the known form");
        let (_, exported) = made.split_once("export ").expect("an export");
        assert_eq!(
            exported,
            "default{fetch(event,env,context){te();try{return ce(event,env,context)}catch(error){ne(error);throw error}},\
             scheduled(event,env,context){te();try{return a$(event,env,context)}catch(error){ne(error);throw error}},};\n"
        );
    }

    #[test]
    fn err_another_form_is_no_guess() {
        for (is, other) in [
            (".criticalError&&(", ".x&&("),
            ("\"error\",", "\"fault\","),
            ("prototype.fetch", "x"),
            ("export{", ""),
        ] {
            assert!(with_plain_handlers(&MADE.replace(is, other)).is_err(), "{is}");
        }
    }
}
