//! How connections are secured, and under what peers are judged.

use super::{OptionFault, Options, MAX_CREDENTIAL};
use crate::security::Security;

/// libzmq's limit.
const MAX_ZAP_DOMAIN: usize = 255;

/// Each field is described at its setter.
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
    /// Whether each has a value it can have.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if let Security::PlainClient { username, password } = &self.security {
            // RFC 24 counts each with a byte; libzmq takes no empty ones.
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
    /// `ZMQ_CURVE_SERVERKEY`); default [`Security::Null`]. Not for STREAM; inproc has none. Peers
    /// of ZMTP 2.0 and 1.0, which know no security, are refused unless it is [`Security::Null`]
    /// and [`zap_domain`](Options::zap_domain) is empty.
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

    /// What [`security`](Options::security) is set to.
    #[must_use]
    pub fn get_security(&self) -> &Security {
        &self.authentication.security
    }

    /// What this socket's peers are judged under, at most 255 bytes (`ZMQ_ZAP_DOMAIN`, default
    /// empty): told to the [`Authenticator`](crate::Authenticator) or ZAP handler of the context.
    /// With [`Security::Null`] peers are judged only if it is not empty. See
    /// [`zap_enforce_domain`](Options::zap_enforce_domain) for what happens without
    /// a handler to judge them.
    #[doc(alias = "ZMQ_ZAP_DOMAIN")]
    #[doc(alias = "ZAP_DOMAIN")]
    #[must_use]
    pub fn zap_domain(mut self, zap_domain: impl Into<String>) -> Self {
        self.authentication.zap_domain = zap_domain.into();
        self
    }

    /// What [`zap_domain`](Options::zap_domain) is set to.
    #[must_use]
    pub fn get_zap_domain(&self) -> &str {
        &self.authentication.zap_domain
    }

    /// Whether [`zap_domain`](Options::zap_domain) is taken seriously
    /// (`ZMQ_ZAP_ENFORCE_DOMAIN`, default false). If so, with NULL and CURVE a domain without
    /// a handler to judge peers lets none in, and a CURVE server without a domain has none
    /// judged; if not, NULL and CURVE servers without a handler let every peer in, and CURVE
    /// servers have their clients judged if there is a handler. A PLAIN server asks in any case, and
    /// lets no peer in if there is no handler to ask; it must have a domain if this is set.
    #[doc(alias = "ZMQ_ZAP_ENFORCE_DOMAIN")]
    #[doc(alias = "ZAP_ENFORCE_DOMAIN")]
    #[must_use]
    pub fn zap_enforce_domain(mut self, zap_enforce_domain: bool) -> Self {
        self.authentication.zap_enforce_domain = zap_enforce_domain;
        self
    }

    /// What [`zap_enforce_domain`](Options::zap_enforce_domain) is set to.
    #[must_use]
    pub fn get_zap_enforce_domain(&self) -> bool {
        self.authentication.zap_enforce_domain
    }
}
