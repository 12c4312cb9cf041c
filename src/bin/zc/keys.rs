//! CURVE keys in files, in the form that CZMQ and pyzmq write and read, too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use zeroize::Zeroizing;
use zmq_channels::security::CurveKey;
use zmq_channels::CurveKeypair;

use crate::exit::{say, Failure, Outcome};

/// Digits of a key in Z85.
const DIGITS: usize = 40;

/// Keys of CURVE.
///
/// Writes NAME.key with the public key, to give away, and NAME.key_secret with both, which only its
/// owner can read (mode 0600). CZMQ and pyzmq read these files, too. Existing files stay as they are.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// What the files are called. Without it, both keys are printed
    name: Option<PathBuf>,
}

/// `zc keygen`.
pub(crate) fn keygen(arguments: &KeygenArgs) -> Outcome {
    let keypair =
        CurveKeypair::generate().map_err(|error| Failure::about("cannot make a key", &error))?;
    let secret = Zeroizing::new(certificate(&keypair, true));
    let Some(name) = &arguments.name else {
        let written = io::stdout().write_all(secret.as_bytes());
        return written.map_err(|error| Failure::writing(&error));
    };
    let with = |suffix: &str| {
        let mut path = name.clone().into_os_string();
        path.push(suffix);
        PathBuf::from(path)
    };
    create(&with(".key_secret"), &secret, true)?;
    create(&with(".key"), &certificate(&keypair, false), false)?;
    println(&format!("{}", keypair.public()))
}

fn println(line: &str) -> Outcome {
    writeln!(io::stdout(), "{line}").map_err(|error| Failure::writing(&error))
}

/// ZPL (RFC 4) as CZMQ's zcert has it.
fn certificate(keypair: &CurveKeypair, with_secret: bool) -> String {
    let what = match with_secret {
        true => "the keys of a CURVE socket: keep this file secret",
        false => "the public key of a CURVE socket",
    };
    let public = keypair.public();
    let mut text = format!("# {what}\nmetadata\ncurve\n    public-key = \"{public}\"\n");
    if with_secret {
        let secret = Zeroizing::new(keypair.secret().to_z85());
        text.push_str("    secret-key = \"");
        text.push_str(&secret);
        text.push_str("\"\n");
    }
    text
}

fn create(path: &Path, text: &str, is_secret: bool) -> Outcome {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    #[cfg(not(unix))]
    let _ = is_secret;
    let written = options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::about(&path.display().to_string(), &error))
}

/// The keys in a file with a secret key: a certificate, or the key alone.
pub(crate) fn read_secret(path: &Path) -> Result<CurveKeypair, Failure> {
    let place = path.display().to_string();
    let text = read(path)?;
    warn_of_readers(path);
    let digits = value(&text, "secret-key").unwrap_or(text.trim());
    let keypair = digits.parse::<CurveKeypair>();
    keypair.map_err(|_| Failure::Usage(format!("{place}: there is no secret key in it")))
}

/// A public key that is given in Z85, or by a file with it.
pub(crate) fn public(key: &str) -> Result<CurveKey, Failure> {
    if let (DIGITS, Ok(key)) = (key.len(), key.parse()) {
        return Ok(key);
    }
    let text = match read(Path::new(key)) {
        Ok(text) => text,
        Err(Failure::Runtime(why)) => {
            let text = format!("{why} (and it is no key: one has {DIGITS} digits of Z85)");
            return Err(Failure::Usage(text));
        }
        Err(other) => return Err(other),
    };
    let digits = value(&text, "public-key").unwrap_or(text.trim());
    let parsed = digits.parse();
    parsed.map_err(|_| Failure::Usage(format!("{key}: there is no public key in it")))
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    let read = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::about(&path.display().to_string(), &error)),
    }
}

/// What stands behind `name =` in a certificate, without quotes.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once('=')?;
        let value = value.trim();
        (found.trim() == name).then(|| value.trim_matches('"'))
    })
}

/// As ssh does of its keys, though they are used all the same.
fn warn_of_readers(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = path.metadata() {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            say(&format!(
                "warning: {} can be read by others",
                path.display()
            ));
        }
    }
    #[cfg(not(unix))]
    let _ = (path, say);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";
    const PUBLIC: &str = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";

    #[test]
    fn a_certificate_has_both_keys_and_is_read_back() -> Result<(), Failure> {
        let keypair = SECRET.parse::<CurveKeypair>();
        let keypair = keypair.map_err(|error| Failure::because(&error))?;
        let text = certificate(&keypair, true);
        assert_eq!(value(&text, "secret-key"), Some(SECRET));
        assert_eq!(value(&text, "public-key"), Some(PUBLIC));
        assert_eq!(value(&certificate(&keypair, false), "secret-key"), None);
        Ok(())
    }

    #[test]
    fn a_key_may_hold_an_equals_sign_and_spaces_around_do_not_matter() {
        assert_eq!(value("public-key=\"a=b=\"", "public-key"), Some("a=b="));
        assert_eq!(value("  public-key  =   \"#\"  ", "public-key"), Some("#"));
    }

    #[test]
    fn a_public_key_may_be_given_as_it_is() {
        assert_eq!(public(PUBLIC).map(|key| key.to_string()), Ok(PUBLIC.into()));
        assert!(matches!(public("/nowhere/key"), Err(Failure::Usage(_))));
    }
}
