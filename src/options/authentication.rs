//! How connections are secured and peers authenticated.

use super::{OptionFault, Options, MAX_CREDENTIAL};
use crate::security::Security;

/// libzmq's limit.
const MAX_ZAP_DOMAIN: usize = 255;

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authentication {
    pub(crate) security: Security,
    pub(crate) zap_domain: String,
    pub(crate) zap_enforce_domain: bool,
}

impl Default for Authentication {
    fn default() -> Self {
        Authentication {
            security: Security::Null,
            zap_domain: String::new(),
            zap_enforce_domain: false,
        }
    }
}

impl Authentication {
    /// Whether every value is in range.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if let Security::PlainClient { username, password } = &self.security {
            // RFC 24 sends each with a one-byte length; libzmq rejects empty ones.
            let fits = |text: &String| text.len() <= MAX_CREDENTIAL;
            if !fits(username) || !fits(password) {
                return fault("security", "user name or password longer than 255 bytes");
            }
        }
        if self.zap_domain.len() > MAX_ZAP_DOMAIN {
            return fault("zap_domain", "longer than 255 bytes");
        }
        let needs_domain = self.zap_enforce_domain && self.security == Security::PlainServer;
        if needs_domain && self.zap_domain.is_empty() {
            return fault("zap_domain", "empty, but enforced for a PLAIN server");
        }
        Ok(())
    }
}

/// # Security
impl Options {
    /// How connections over tcp and ipc are secured (`ZMQ_PLAIN_SERVER`, `ZMQ_PLAIN_USERNAME`,
    /// `ZMQ_PLAIN_PASSWORD`, `ZMQ_CURVE_SERVER`, `ZMQ_CURVE_PUBLICKEY`, `ZMQ_CURVE_SECRETKEY`,
    /// `ZMQ_CURVE_SERVERKEY`); default [`Security::Null`]. Not available for STREAM; inproc
    /// connections are not secured. ZMTP 2.0 and 1.0 have no security: their peers are refused
    /// unless this is [`Security::Null`] and [`zap_domain`](Options::zap_domain) is empty.
    #[doc(alias = "ZMQ_PLAIN_SERVER")]
    #[doc(alias = "PLAIN_SERVER")]
    #[doc(alias = "ZMQ_PLAIN_USERNAME")]
    #[doc(alias = "PLAIN_USERNAME")]
    #[doc(alias = "ZMQ_PLAIN_PASSWORD")]
    #[doc(alias = "PLAIN_PASSWORD")]
    #[doc(alias = "ZMQ_CURVE_SERVER")]
    #[doc(alias = "CURVE_SERVER")]
    #[doc(alias = "ZMQ_CURVE_PUBLICKEY")]
    #[doc(alias = "CURVE_PUBLICKEY")]
    #[doc(alias = "ZMQ_CURVE_SECRETKEY")]
    #[doc(alias = "CURVE_SECRETKEY")]
    #[doc(alias = "ZMQ_CURVE_SERVERKEY")]
    #[doc(alias = "CURVE_SERVERKEY")]
    #[doc(alias = "ZMQ_MECHANISM")]
    #[doc(alias = "MECHANISM")]
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.authentication.security = security;
        self
    }

    /// Returns the value of [`security`](Options::security).
    #[must_use]
    pub fn get_security(&self) -> &Security {
        &self.authentication.security
    }

    /// The domain under which this socket's peers are authenticated, at most 255 bytes
    /// (`ZMQ_ZAP_DOMAIN`, default empty). It is passed to the
    /// [`Authenticator`](crate::Authenticator) or ZAP handler of the context. With
    /// [`Security::Null`], peers are authenticated only if it is not empty.
    /// [`zap_enforce_domain`](Options::zap_enforce_domain) decides what happens without a handler.
    #[doc(alias = "ZMQ_ZAP_DOMAIN")]
    #[doc(alias = "ZAP_DOMAIN")]
    #[must_use]
    pub fn zap_domain(mut self, zap_domain: impl Into<String>) -> Self {
        self.authentication.zap_domain = zap_domain.into();
        self
    }

    /// Returns the value of [`zap_domain`](Options::zap_domain).
    #[must_use]
    pub fn get_zap_domain(&self) -> &str {
        &self.authentication.zap_domain
    }

    /// Whether [`zap_domain`](Options::zap_domain) is enforced (`ZMQ_ZAP_ENFORCE_DOMAIN`, default
    /// false). If it is, a NULL or CURVE socket with a domain refuses all peers while there is no
    /// handler, and a CURVE server without a domain does not have its peers authenticated. If it is
    /// not, NULL and CURVE servers accept every peer while there is no handler, and CURVE servers
    /// have their clients authenticated if there is one. A PLAIN server always needs a handler and
    /// refuses all peers without one; it must have a domain if this is set.
    #[doc(alias = "ZMQ_ZAP_ENFORCE_DOMAIN")]
    #[doc(alias = "ZAP_ENFORCE_DOMAIN")]
    #[must_use]
    pub fn zap_enforce_domain(mut self, zap_enforce_domain: bool) -> Self {
        self.authentication.zap_enforce_domain = zap_enforce_domain;
        self
    }

    /// Returns the value of [`zap_enforce_domain`](Options::zap_enforce_domain).
    #[must_use]
    pub fn get_zap_enforce_domain(&self) -> bool {
        self.authentication.zap_enforce_domain
    }
}
