//! Secrets of local development: given in a file, kept from the last run, or random.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::civil::Date;
use kerbside::auth::{self, MAX_OPERATOR_DAYS, OperatorRole, OperatorToken, OperatorTokens};
use kerbside::ports::Timestamp;
use kerbside::text::to_hex;

use super::client_key::ClientKey;

/// Secrets by name.
pub type Secrets = BTreeMap<String, String>;

/// Keys that encrypt VINs to vehicle ids: a number and 64 bytes each.
const VEHICLE_ID_KEYS: &str = "VEHICLE_ID_KEYS";
/// Key of the hashes under which facets are stored: 32 bytes.
const LOOKUP_KEY: &str = "LOOKUP_KEY";
/// Prefix of the names of sealing keys; a number follows. 32 bytes.
pub const SEALING_KEY_PREFIX: &str = "SEALING_KEY_";
/// Prefix of the names of session keys; a number follows. 32 bytes.
pub const SESSION_KEY_PREFIX: &str = "SESSION_KEY_";
/// Prefix of the names of rights keys; a number follows. 32 bytes.
pub const RIGHTS_KEY_PREFIX: &str = "RIGHTS_KEY_";
/// Prefix of the names of the audit's keys; a number follows. JSON Web Keys on P-256.
const AUDIT_KEY_PREFIX: &str = "AUDIT_KEY_";
/// Operators: names, roles, last days and hashes of their tokens.
pub const OPERATOR_TOKENS: &str = "OPERATOR_TOKENS";
/// Days for which a new operator's token is good.
const OPERATOR_DAYS: u16 = 90;
/// The token of the operator `dev`. Kept beside the secrets, and no secret of the Worker.
pub const OPERATOR_TOKEN: &str = "KERBSIDE_OPERATOR_TOKEN";
/// The seed of the test people's passwords. Kept beside the secrets, and no secret of the Worker.
pub const IDENTITY_SEED: &str = "KERBSIDE_IDENTITY_SEED";

/// The names of the secrets that markets use.
#[derive(Debug, Clone, Default)]
pub struct SecretNames {
    /// Passwords and tokens: any text.
    pub texts: BTreeSet<String>,
    /// Private keys of clients at identity providers: JSON Web Keys.
    pub client_keys: BTreeSet<String>,
}

impl SecretNames {
    /// All names.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.texts.iter().chain(&self.client_keys)
    }
}

/// Completes `given` to the Worker's own secrets and `names`, from the file `kept` or else with
/// random ones. Random secrets are written to `kept`, so that vehicle ids and sealed values survive
/// a restart. Includes the seed of the test people, and a random operator's token if no operator is
/// given.
///
/// # Errors
/// An unreadable or unwritable `kept`, and a system without random bytes.
pub fn complete(names: &SecretNames, given: Secrets, kept: &Path) -> Result<Secrets> {
    let mut made = if kept.is_file() { read_file(kept)? } else { Secrets::new() };
    let own = [VEHICLE_ID_KEYS, LOOKUP_KEY, IDENTITY_SEED];
    for name in names.all().map(String::as_str).chain(own) {
        if !given.contains_key(name) && !made.contains_key(name) {
            let is_key = names.client_keys.contains(name);
            let value = if is_key {
                random_client_key()?.private.to_string()
            } else {
                random_secret(name)?
            };
            made.insert(name.to_owned(), value);
        }
    }
    let prefixes = [SEALING_KEY_PREFIX, SESSION_KEY_PREFIX, RIGHTS_KEY_PREFIX, AUDIT_KEY_PREFIX];
    for prefix in prefixes {
        if !made.keys().chain(given.keys()).any(|name| name.starts_with(prefix)) {
            let key = match prefix {
                AUDIT_KEY_PREFIX => random_client_key()?.private.to_string(),
                _ => random_key()?,
            };
            made.insert(format!("{prefix}1"), key);
        }
    }
    let kept_operator = made.get(OPERATOR_TOKENS).zip(made.get(OPERATOR_TOKEN));
    let is_kept = kept_operator.is_some_and(|(secret, token)| lets_in(secret, token));
    if !is_kept && !given.contains_key(OPERATOR_TOKENS) {
        let token = random_token()?;
        made.insert(OPERATOR_TOKENS.to_owned(), dev_operator(&token)?);
        made.insert(OPERATOR_TOKEN.to_owned(), token);
    }
    write_private(kept, &to_dotenv(&made)?)?;
    if given.contains_key(OPERATOR_TOKENS) {
        // The token belongs to the operator `dev`, whom the given ones replace.
        made.remove(OPERATOR_TOKEN);
    }
    made.extend(given);
    Ok(made)
}

/// Adds a secret to a file of secrets.
///
/// # Errors
/// An unreadable or unwritable file, or one that has the secret already.
pub fn add_to_file(path: &Path, name: &str, value: &str) -> Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if parse(&text).map_err(|error| anyhow!("{}:{error}", path.display()))?.contains_key(name) {
        bail!("{} has {name} already", path.display());
    }
    let line = to_dotenv(&Secrets::from([(name.to_owned(), value.to_owned())]))?;
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    write_private(path, &format!("{text}{gap}{line}"))
}

/// Makes a random key, for sealing, sessions or lookup: 32 bytes in base64.
///
/// # Errors
/// A system without random bytes.
pub fn random_key() -> Result<String> {
    Ok(STANDARD.encode(random_bytes::<32>()?))
}

/// Makes a random key of vehicle ids with its number: `1:<base64 of 64 bytes>`.
///
/// # Errors
/// A system without random bytes.
pub fn random_vehicle_id_key(number: u8) -> Result<String> {
    Ok(format!("{number}:{}", STANDARD.encode(random_bytes::<64>()?)))
}

/// Makes a random key on P-256, of a client at an identity provider or for the audit's heads.
///
/// # Errors
/// A system without random bytes.
pub fn random_client_key() -> Result<ClientKey> {
    ClientKey::from_bytes(&random_bytes::<32>()?)
}

/// Makes a random token of an operator: 32 bytes in base64url.
///
/// # Errors
/// A system without random bytes.
pub fn random_token() -> Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<32>()?))
}

/// Returns the last day of a new operator's token: `until`, or else 90 days from today.
///
/// # Errors
/// A day in the past, or more than 400 days from today.
pub fn operator_last_day(until: Option<Date>) -> Result<Date> {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let day = |days| {
        auth::operator_last_day(now, days).context("the system's clock is outside the calendar")
    };
    let (today, latest) = (day(0)?, day(MAX_OPERATOR_DAYS)?);
    let last_day = until.map_or_else(|| day(OPERATOR_DAYS), Ok)?;
    if last_day < today {
        bail!("{last_day} is over");
    }
    if last_day > latest {
        bail!("a token is good for {MAX_OPERATOR_DAYS} days at most, until {latest}");
    }
    Ok(last_day)
}

/// Formats the entry of the operator `dev`, who has all roles.
fn dev_operator(token: &str) -> Result<String> {
    let last_day = operator_last_day(None)?;
    let roles = OperatorRole::ALL.into();
    Ok(OperatorToken::new("dev".to_owned(), roles, last_day, token).to_string())
}

/// True if a kept secret lets the operator with `token` in for today at least.
fn lets_in(secret: &str, token: &str) -> bool {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let tokens = OperatorTokens::parse(secret, now);
    tokens.is_ok_and(|tokens| tokens.find(token).is_some_and(|entry| !entry.has_ended(now)))
}

fn random_secret(name: &str) -> Result<String> {
    Ok(match name {
        VEHICLE_ID_KEYS => random_vehicle_id_key(1)?,
        LOOKUP_KEY => random_key()?,
        IDENTITY_SEED => random_token()?,
        // User and password; other kinds of credentials take any text.
        _ => format!("kerbside:{}", random_hex(32)?),
    })
}

fn random_bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes)
}

/// Makes up to 64 random hexadecimal digits.
///
/// # Errors
/// A system without random bytes.
pub fn random_hex(digits: usize) -> Result<String> {
    let mut word = to_hex(&random_bytes::<32>()?);
    word.truncate(digits);
    Ok(word)
}

/// Reads a file of secrets.
///
/// # Errors
/// A missing file, or a line that is no `NAME=value`; the message has the line's number, never its
/// contents.
pub fn read_file(path: &Path) -> Result<Secrets> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "cannot read secrets from {}; name a file of NAME=value lines with --secrets FILE",
            path.display()
        )
    })?;
    parse(&text).map_err(|error| anyhow!("{}:{error}", path.display()))
}

/// Parses `NAME=value` lines. Skips blank lines and comments; removes `export ` before the name and
/// quotes around the value; `\n` in double quotes is a line break.
fn parse(text: &str) -> Result<Secrets> {
    let mut secrets = Secrets::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let number = index + 1;
        let (name, value) = line.split_once('=').with_context(|| {
            format!("{number}: not of the form NAME=value; write one secret a line")
        })?;
        let name = name.trim().trim_start_matches("export ").trim();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            bail!("{number}: a name has only letters, digits and _");
        }
        secrets.insert(name.to_owned(), unquote(value.trim()));
    }
    Ok(secrets)
}

fn unquote(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    if let Some(literal) = inside('\'') {
        literal.to_owned()
    } else if let Some(escaped) = inside('"') {
        escaped.replace("\\n", "\n")
    } else {
        value.to_owned()
    }
}

/// Formats secrets as a file that [`read_file`] reads.
fn to_dotenv(secrets: &Secrets) -> Result<String> {
    let mut text = String::new();
    for (name, value) in secrets {
        let quote = if value.contains('\n') { '"' } else { '\'' };
        if value.contains(quote) {
            bail!(
                "the secret {name} has both quotes and line breaks, which no secrets file can \
                 express"
            );
        }
        writeln!(text, "{name}={quote}{}{quote}", value.replace('\n', "\\n"))?;
    }
    Ok(text)
}

/// Formats secrets for wrangler, which takes `$NAME` in a value for a variable.
///
/// # Errors
/// A value with both quotes and line breaks.
pub fn to_wrangler_dotenv(secrets: &Secrets) -> Result<String> {
    let escaped = secrets.iter().map(|(name, value)| (name.clone(), value.replace('$', "\\$")));
    to_dotenv(&escaped.collect())
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// A failure of the file system.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file lies in a folder")?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ok_every_spelling() -> Result<()> {
        let secrets = parse("# comment\n\nA=1\nexport B = 'x y$Z'\nC=\"l1\\nl2\"\nD=user:pa=ss\n")?;
        let expect = [("A", "1"), ("B", "x y$Z"), ("C", "l1\nl2"), ("D", "user:pa=ss")];
        assert_eq!(secrets, expect.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        Ok(())
    }

    #[test]
    fn ok_written_and_read_again() -> Result<()> {
        let secrets: Secrets = [("A", "a b$c\"d"), ("B", "1\n2"), ("C", "")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(parse(&to_dotenv(&secrets)?)?, secrets);
        Ok(())
    }

    #[test]
    fn err_names_the_line_and_not_the_value() {
        let error = parse("A=1\nhunter2\n").expect_err("no equals sign").to_string();
        assert_eq!(error, "2: not of the form NAME=value; write one secret a line");
        assert!(parse("A B=1").is_err());
        assert!(to_dotenv(&Secrets::from([("A".to_owned(), "\"\n".to_owned())])).is_err());
    }

    #[test]
    fn ok_what_is_missing_is_made_once_and_kept() -> Result<()> {
        let folder = crate::files::TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let kept = folder.path().join("secrets.env");
        let first = complete(&SecretNames::default(), Secrets::new(), &kept)?;
        assert_eq!(complete(&SecretNames::default(), Secrets::new(), &kept)?, first);
        let token = &first[OPERATOR_TOKEN];
        assert!(lets_in(&first[OPERATOR_TOKENS], token) && !lets_in("dev:x", token));
        for name in ["SEALING_KEY_1", "SESSION_KEY_1", "RIGHTS_KEY_1"] {
            assert_eq!(first.get(name).map(String::len), Some(44), "{name}");
        }
        assert!(first["AUDIT_KEY_1"].contains(r#""crv":"P-256""#));

        add_to_file(&kept, "SEALING_KEY_2", "two")?;
        assert!(add_to_file(&kept, "SEALING_KEY_2", "two").is_err());
        let rotated = complete(&SecretNames::default(), Secrets::new(), &kept)?;
        assert_eq!(rotated.get("SEALING_KEY_2").map(String::as_str), Some("two"));

        let of_an_earlier_release = Secrets::from([
            (OPERATOR_TOKENS.to_owned(), "dev:x".to_owned()),
            (OPERATOR_TOKEN.to_owned(), token.clone()),
        ]);
        let older = folder.path().join("older.env");
        write_private(&older, &to_dotenv(&of_an_earlier_release)?)?;
        let renewed = complete(&SecretNames::default(), Secrets::new(), &older)?;
        assert!(lets_in(&renewed[OPERATOR_TOKENS], &renewed[OPERATOR_TOKEN]));

        let given = Secrets::from([(OPERATOR_TOKENS.to_owned(), "ada:x".to_owned())]);
        let others = complete(&SecretNames::default(), given, &kept)?;
        assert!(!others.contains_key(OPERATOR_TOKEN), "the token is of no use");
        assert_eq!(complete(&SecretNames::default(), Secrets::new(), &kept)?, rotated);
        Ok(())
    }

    #[test]
    fn ok_and_err_last_days() -> Result<()> {
        let now = Timestamp(jiff::Timestamp::now().as_millisecond());
        let day = |days| auth::operator_last_day(now, days);
        assert_eq!(Some(operator_last_day(None)?), day(OPERATOR_DAYS));
        assert_eq!(Some(operator_last_day(day(400))?), day(400));
        for wrong in ["2020-01-01", "9999-12-31"] {
            assert!(operator_last_day(Some(wrong.parse()?)).is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn ok_secrets_of_markets_are_made_by_their_kind() -> Result<()> {
        let folder = crate::files::TemporaryFolder::make(&std::env::temp_dir(), "kerbside-test")?;
        let kept = folder.path().join("secrets.env");
        let names = SecretNames {
            texts: BTreeSet::from(["DE_IDP_CLIENT_SECRET".to_owned()]),
            client_keys: BTreeSet::from(["US_IDP_CLIENT_KEY".to_owned()]),
        };
        let made = complete(&names, Secrets::new(), &kept)?;
        assert!(made["DE_IDP_CLIENT_SECRET"].starts_with("kerbside:"));
        let key: serde_json::Value = serde_json::from_str(&made["US_IDP_CLIENT_KEY"])?;
        assert_eq!((&key["crv"], key["d"].is_string()), (&"P-256".into(), true));
        assert_eq!(complete(&names, Secrets::new(), &kept)?, made, "kept with the seed");
        Ok(())
    }

    #[test]
    fn ok_made_values_have_the_form_that_is_asked_for() -> Result<()> {
        let keys = random_secret(VEHICLE_ID_KEYS)?;
        let bytes = STANDARD.decode(keys.strip_prefix("1:").unwrap_or_default())?;
        assert_eq!(bytes.len(), 64);
        assert_eq!(STANDARD.decode(random_secret(LOOKUP_KEY)?)?.len(), 32);
        assert!(random_secret("DE_MASTER_TOKEN")?.starts_with("kerbside:"));
        Ok(())
    }
}
