//! Sockets of the operating system, and proxies.

use std::fmt;
use std::time::Duration;

use super::{OptionFault, Options, MAX_CREDENTIAL};
use crate::endpoint::Endpoint;

/// The intervals that Linux accepts for keepalive, in seconds.
const KEEPALIVE_SECONDS: std::ops::RangeInclusive<u64> = 1..=32_767;

/// The number of keepalive probes that Linux accepts.
const KEEPALIVE_PROBES: std::ops::RangeInclusive<u32> = 1..=127;

/// The systems known to support an interval and a count of keepalive probes.
const HAS_KEEPALIVE_PROBES: bool = cfg!(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "windows",
));

/// The systems known to support the type of service for both families.
const HAS_TYPE_OF_SERVICE: bool = cfg!(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "openbsd",
));

/// Linux's `IFNAMSIZ` without the closing NUL.
const MAX_DEVICE: usize = 15;

/// Whether the kernel probes idle TCP connections (`ZMQ_TCP_KEEPALIVE` and related options).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TcpKeepalive {
    /// Use the operating system's setting (libzmq's −1). The default.
    #[default]
    System,
    /// Do not probe (libzmq's 0).
    Off,
    /// Probe (libzmq's 1). Fields that are `None` use the operating system's setting.
    On {
        /// Idle time before the first probe (`ZMQ_TCP_KEEPALIVE_IDLE`), in whole seconds.
        idle: Option<Duration>,
        /// Interval between probes (`ZMQ_TCP_KEEPALIVE_INTVL`), in whole seconds.
        interval: Option<Duration>,
        /// Number of unanswered probes after which the connection ends (`ZMQ_TCP_KEEPALIVE_CNT`).
        count: Option<u32>,
    },
}

/// A SOCKS5 proxy through which TCP connections are made (`ZMQ_SOCKS_PROXY`; RFC 1928). Host names
/// are passed to it unresolved. After a failure, whatever its cause, the socket reconnects as after
/// any other. The proxy has [`connect_timeout`](Options::connect_timeout) to make the connection
/// or, if that is `None`, [`handshake_timeout`](Options::handshake_timeout) from the moment the
/// proxy is reached.
///
/// ```
/// use zmq_channels::options::SocksProxy;
/// use zmq_channels::Options;
///
/// let proxy = SocksProxy::new("proxy.example.org:1080").credentials("user", "secret");
/// let options = Options::new().socks_proxy(proxy);
/// assert!(options.get_socks_proxy().is_some());
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SocksProxy {
    pub(crate) address: String,
    pub(crate) credentials: Option<(String, String)>,
}

/// Omits the password.
impl fmt::Debug for SocksProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.credentials.as_ref().map(|(user, _)| user);
        f.debug_struct("SocksProxy")
            .field("address", &self.address)
            .field("user", &user)
            .finish_non_exhaustive()
    }
}

impl SocksProxy {
    /// Creates the options of the proxy at `address`, without credentials: `host:port`, or
    /// `source:port;host:port` to connect to it from that source, as in an [`Endpoint`]. A source
    /// in the endpoint that is connected to takes precedence.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        SocksProxy {
            address: address.into(),
            credentials: None,
        }
    }

    /// Returns the `address` given to [`new`](SocksProxy::new).
    #[must_use]
    pub fn get_address(&self) -> &str {
        &self.address
    }

    /// Authenticates with a user name of 1 to 255 bytes and a password of 0 to 255
    /// (`ZMQ_SOCKS_USERNAME`, `ZMQ_SOCKS_PASSWORD`, RFC 1929). RFC 1929 has no empty password: it is
    /// sent with length zero, as libzmq does, for proxies that accept it. By default the proxy is asked
    /// for no authentication.
    #[doc(alias = "ZMQ_SOCKS_USERNAME")]
    #[doc(alias = "SOCKS_USERNAME")]
    #[doc(alias = "ZMQ_SOCKS_PASSWORD")]
    #[doc(alias = "SOCKS_PASSWORD")]
    #[must_use]
    pub fn credentials(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.credentials = Some((user.into(), password.into()));
        self
    }

    /// Returns the user name given to [`credentials`](SocksProxy::credentials), or `None` without
    /// one.
    #[must_use]
    pub fn get_user(&self) -> Option<&str> {
        self.credentials.as_ref().map(|(user, _)| user.as_str())
    }
}

/// See the setter of each field for its documentation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) ipv6: bool,
    pub(crate) tcp_keepalive: TcpKeepalive,
    pub(crate) tcp_max_retransmit: Option<Duration>,
    pub(crate) type_of_service: u8,
    pub(crate) bind_to_device: Option<String>,
    pub(crate) socks_proxy: Option<SocksProxy>,
    pub(crate) kernel_send_buffer: Option<usize>,
    pub(crate) kernel_receive_buffer: Option<usize>,
}

impl Default for Network {
    fn default() -> Self {
        Network {
            ipv6: false,
            tcp_keepalive: TcpKeepalive::System,
            tcp_max_retransmit: None,
            type_of_service: 0,
            bind_to_device: None,
            socks_proxy: None,
            kernel_send_buffer: None,
            kernel_receive_buffer: None,
        }
    }
}

impl Network {
    /// Whether every value is in range.
    pub(super) fn check(&self) -> Result<(), OptionFault> {
        let fault = |option, reason| Err(OptionFault { option, reason });
        if let TcpKeepalive::On {
            idle,
            interval,
            count,
        } = self.tcp_keepalive
        {
            let fits = |pause: Option<Duration>| {
                pause.is_none_or(|pause| KEEPALIVE_SECONDS.contains(&pause.as_secs()))
            };
            if !fits(idle) || !fits(interval) {
                return fault("tcp_keepalive", "a pause not within 1 and 32767 s");
            }
            if count.is_some_and(|count| !KEEPALIVE_PROBES.contains(&count)) {
                return fault("tcp_keepalive", "a count not within 1 and 127");
            }
            if !HAS_KEEPALIVE_PROBES && (interval.is_some() || count.is_some()) {
                return fault("tcp_keepalive", "this system has no interval and count");
            }
        }
        if !HAS_TYPE_OF_SERVICE && self.type_of_service != 0 {
            return fault("type_of_service", "this system does not have it");
        }
        let is_linux = cfg!(any(target_os = "android", target_os = "linux"));
        if let Some(limit) = self.tcp_max_retransmit {
            if !is_linux {
                return fault("tcp_max_retransmit", "this system does not have it");
            }
            if !(1..=i32::MAX as u128).contains(&limit.as_millis()) {
                return fault("tcp_max_retransmit", "not within 1 and 2147483647 ms");
            }
        }
        if let Some(device) = &self.bind_to_device {
            if !is_linux {
                return fault("bind_to_device", "this system does not have it");
            }
            if !(1..=MAX_DEVICE).contains(&device.len()) || device.contains('\0') {
                return fault("bind_to_device", "not a name of 1 to 15 bytes");
            }
        }
        if let Some(proxy) = &self.socks_proxy {
            if Endpoint::parse_proxy(&proxy.address).is_err() {
                return fault("socks_proxy", "the address is not host:port");
            }
            if let Some((user, password)) = &proxy.credentials {
                if !(1..=MAX_CREDENTIAL).contains(&user.len()) {
                    return fault("socks_proxy", "user name not of 1 to 255 bytes");
                }
                if password.len() > MAX_CREDENTIAL {
                    return fault("socks_proxy", "password longer than 255 bytes");
                }
            }
        }
        Ok(())
    }
}

/// # Network
impl Options {
    /// Whether names may resolve to IPv6 addresses and `tcp://*` listens on both families
    /// (`ZMQ_IPV6`, default false), or on IPv4 alone if the system has no IPv6. IPv4 addresses are
    /// tried first. An endpoint with an IPv6 address does not need this option.
    #[doc(alias = "ZMQ_IPV6")]
    #[doc(alias = "IPV6")]
    #[doc(alias = "ZMQ_IPV4ONLY")]
    #[doc(alias = "IPV4ONLY")]
    #[must_use]
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.network.ipv6 = ipv6;
        self
    }

    /// Returns the value of [`ipv6`](Options::ipv6).
    #[must_use]
    pub fn get_ipv6(&self) -> bool {
        self.network.ipv6
    }

    /// Whether the kernel probes idle TCP connections (`ZMQ_TCP_KEEPALIVE`, `_IDLE`, `_INTVL`,
    /// `_CNT`); default [`TcpKeepalive::System`].
    #[doc(alias = "ZMQ_TCP_KEEPALIVE")]
    #[doc(alias = "TCP_KEEPALIVE")]
    #[doc(alias = "ZMQ_TCP_KEEPALIVE_IDLE")]
    #[doc(alias = "TCP_KEEPALIVE_IDLE")]
    #[doc(alias = "ZMQ_TCP_KEEPALIVE_INTVL")]
    #[doc(alias = "TCP_KEEPALIVE_INTVL")]
    #[doc(alias = "ZMQ_TCP_KEEPALIVE_CNT")]
    #[doc(alias = "TCP_KEEPALIVE_CNT")]
    #[must_use]
    pub fn tcp_keepalive(mut self, tcp_keepalive: TcpKeepalive) -> Self {
        self.network.tcp_keepalive = tcp_keepalive;
        self
    }

    /// Returns the value of [`tcp_keepalive`](Options::tcp_keepalive).
    #[must_use]
    pub fn get_tcp_keepalive(&self) -> TcpKeepalive {
        self.network.tcp_keepalive
    }

    /// Maximum time that sent bytes may stay unacknowledged before TCP ends the connection
    /// (`ZMQ_TCP_MAXRT`), in whole milliseconds; Linux only. `None`, the default, leaves it to the
    /// system.
    #[doc(alias = "ZMQ_TCP_MAXRT")]
    #[doc(alias = "TCP_MAXRT")]
    #[must_use]
    pub fn tcp_max_retransmit(mut self, tcp_max_retransmit: impl Into<Option<Duration>>) -> Self {
        self.network.tcp_max_retransmit = tcp_max_retransmit.into();
        self
    }

    /// Returns the value of [`tcp_max_retransmit`](Options::tcp_max_retransmit).
    #[must_use]
    pub fn get_tcp_max_retransmit(&self) -> Option<Duration> {
        self.network.tcp_max_retransmit
    }

    /// The type-of-service byte of outgoing IP packets: DSCP and ECN (`ZMQ_TOS`, default 0).
    #[doc(alias = "ZMQ_TOS")]
    #[doc(alias = "TOS")]
    #[must_use]
    pub fn type_of_service(mut self, type_of_service: u8) -> Self {
        self.network.type_of_service = type_of_service;
        self
    }

    /// Returns the value of [`type_of_service`](Options::type_of_service).
    #[must_use]
    pub fn get_type_of_service(&self) -> u8 {
        self.network.type_of_service
    }

    /// The only network device that TCP sockets use, such as `eth0` (`ZMQ_BINDTODEVICE`); Linux
    /// only, and requires a privilege before 5.7. If the device does not exist or the privilege is
    /// missing, `bind` fails, and connection attempts fail until that changes. Default `None`.
    #[doc(alias = "ZMQ_BINDTODEVICE")]
    #[doc(alias = "BINDTODEVICE")]
    #[must_use]
    pub fn bind_to_device(mut self, device: impl Into<String>) -> Self {
        self.network.bind_to_device = Some(device.into());
        self
    }

    /// Returns the value of [`bind_to_device`](Options::bind_to_device).
    #[must_use]
    pub fn get_bind_to_device(&self) -> Option<&str> {
        self.network.bind_to_device.as_deref()
    }

    /// Removes [`bind_to_device`](Options::bind_to_device), so that TCP sockets use any device.
    #[must_use]
    pub fn without_bind_to_device(mut self) -> Self {
        self.network.bind_to_device = None;
        self
    }

    /// The proxy through which TCP connections are made (`ZMQ_SOCKS_PROXY`); default `None`.
    #[doc(alias = "ZMQ_SOCKS_PROXY")]
    #[doc(alias = "SOCKS_PROXY")]
    #[doc(alias = "ZMQ_SOCKS_USERNAME")]
    #[doc(alias = "SOCKS_USERNAME")]
    #[doc(alias = "ZMQ_SOCKS_PASSWORD")]
    #[doc(alias = "SOCKS_PASSWORD")]
    #[must_use]
    pub fn socks_proxy(mut self, socks_proxy: impl Into<Option<SocksProxy>>) -> Self {
        self.network.socks_proxy = socks_proxy.into();
        self
    }

    /// Returns the value of [`socks_proxy`](Options::socks_proxy).
    #[must_use]
    pub fn get_socks_proxy(&self) -> Option<&SocksProxy> {
        self.network.socks_proxy.as_ref()
    }

    /// Size of the kernel's send buffer in bytes (`ZMQ_SNDBUF`); `None`, the default, keeps the
    /// system's setting.
    #[doc(alias = "ZMQ_SNDBUF")]
    #[doc(alias = "SNDBUF")]
    #[must_use]
    pub fn kernel_send_buffer(mut self, kernel_send_buffer: impl Into<Option<usize>>) -> Self {
        self.network.kernel_send_buffer = kernel_send_buffer.into();
        self
    }

    /// Returns the value of [`kernel_send_buffer`](Options::kernel_send_buffer).
    #[must_use]
    pub fn get_kernel_send_buffer(&self) -> Option<usize> {
        self.network.kernel_send_buffer
    }

    /// Size of the kernel's receive buffer in bytes (`ZMQ_RCVBUF`); `None`, the default, keeps the
    /// system's setting.
    #[doc(alias = "ZMQ_RCVBUF")]
    #[doc(alias = "RCVBUF")]
    #[must_use]
    pub fn kernel_receive_buffer(
        mut self,
        kernel_receive_buffer: impl Into<Option<usize>>,
    ) -> Self {
        self.network.kernel_receive_buffer = kernel_receive_buffer.into();
        self
    }

    /// Returns the value of [`kernel_receive_buffer`](Options::kernel_receive_buffer).
    #[must_use]
    pub fn get_kernel_receive_buffer(&self) -> Option<usize> {
        self.network.kernel_receive_buffer
    }
}
