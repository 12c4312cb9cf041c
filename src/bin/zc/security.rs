//! PLAIN and CURVE as the command line asks for them, and which clients are accepted.

use std::fs;
use std::path::Path;
use std::thread;

use zeroize::Zeroizing;
use zmq_channels::security::{AuthenticationRequest, Credentials, CurveKey};
use zmq_channels::{Context, CurveKeypair, Security};

use crate::exit::Failure;
use crate::keys;
use crate::reach::SecurityArgs;

/// Holds USER:PASSWORD of a PLAIN client.
const PLAIN_VARIABLE: &str = "ZC_PLAIN";

/// How the sockets of `context` are secured. A server that takes some clients only decides on them
/// from now on.
pub(crate) fn security(arguments: &SecurityArgs, context: &Context) -> Result<Security, Failure> {
    if let Some(file) = &arguments.curve_server {
        let keypair = keys::read_secret(file)?;
        let allowed = arguments.allow.iter().map(|key| keys::public(key));
        let allowed = allowed.collect::<Result<Vec<CurveKey>, Failure>>()?;
        if !allowed.is_empty() {
            decide(
                context,
                move |credentials| matches!(credentials, Credentials::Curve(key) if allowed.contains(key)),
            )?;
        }
        return Ok(Security::curve_server(keypair));
    }
    if let Some(key) = &arguments.server_key {
        let server_key = keys::public(key)?;
        let keypair = match &arguments.curve_client {
            Some(file) => keys::read_secret(file)?,
            None => CurveKeypair::generate()
                .map_err(|error| Failure::about("cannot make a key", &error))?,
        };
        return Ok(Security::curve_client(keypair, server_key));
    }
    if let Some(file) = &arguments.plain_server {
        let users = read(file)?;
        let lines = users.lines().filter(|line| !line.is_empty());
        let users = lines.map(|line| user_and_password(line, &file.display().to_string()));
        let users = users.collect::<Result<Vec<_>, Failure>>()?;
        decide(context, move |credentials| match credentials {
            Credentials::Plain { username, password } => users.iter().any(|(user, secret)| {
                *username == user.as_str() && same(password, secret.as_bytes())
            }),
            _ => false,
        })?;
        return Ok(Security::PlainServer);
    }
    match plain(arguments)? {
        Some((user, password)) => Ok(Security::plain_client(user, password.as_str())),
        None => Ok(Security::Null),
    }
}

/// The user and the password of a PLAIN client, wherever they are.
fn plain(arguments: &SecurityArgs) -> Result<Option<(String, Zeroizing<String>)>, Failure> {
    if let Some(text) = &arguments.plain {
        return user_and_password(text, "--plain").map(Some);
    }
    if let Some(file) = &arguments.plain_file {
        let text = read(file)?;
        let line = text.lines().next().unwrap_or_default();
        return user_and_password(line, &file.display().to_string()).map(Some);
    }
    match std::env::var(PLAIN_VARIABLE) {
        Ok(text) => user_and_password(&Zeroizing::new(text), PLAIN_VARIABLE).map(Some),
        Err(_) => Ok(None),
    }
}

fn user_and_password(text: &str, place: &str) -> Result<(String, Zeroizing<String>), Failure> {
    let (user, password) = text
        .split_once(':')
        .ok_or_else(|| Failure::Usage(format!("{place}: expected USER:PASSWORD")))?;
    Ok((user.into(), Zeroizing::new(password.into())))
}

/// Compares in a time that does not tell where the difference is.
fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differences == 0
}

fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = fs::read_to_string(file);
    let text = text.map_err(|error| Failure::about(&file.display().to_string(), &error))?;
    Ok(Zeroizing::new(text))
}

/// Lets those peers in that `is_welcome`, for as long as the context is open.
fn decide(
    context: &Context,
    is_welcome: impl Fn(&Credentials) -> bool + Send + 'static,
) -> Result<(), Failure> {
    let authenticator = context.authenticator();
    let authenticator = authenticator.map_err(|error| Failure::because(&error))?;
    let judge = move |request: AuthenticationRequest| match is_welcome(&request.credentials) {
        true => request.accept(""),
        false => request.deny("not on the list"),
    };
    let thread = thread::Builder::new().name("zc-authenticator".into());
    thread
        .spawn(move || authenticator.into_iter().for_each(judge))
        .map(drop)
        .map_err(|error| Failure::about("cannot start a thread", &error))
}
