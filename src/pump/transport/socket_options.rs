//! The kernel's options of one TCP socket.

use std::io;
use std::time::Duration;

use socket2::Socket;

use super::KernelBuffers;
use crate::options::{Options, TcpKeepalive};

/// The settings of a TCP socket: of a listener, and of each connection, accepted or dialed.
#[derive(Clone, Debug)]
pub(super) struct SocketOptions {
    buffers: KernelBuffers,
    keepalive: TcpKeepalive,
    max_retransmit: Option<Duration>,
    type_of_service: u8,
    device: Option<String>,
}

impl SocketOptions {
    pub(super) fn new(options: &Options) -> SocketOptions {
        SocketOptions {
            buffers: KernelBuffers::new(options),
            keepalive: options.network.tcp_keepalive,
            max_retransmit: options.network.tcp_max_retransmit,
            type_of_service: options.network.type_of_service,
            device: options.network.bind_to_device.clone(),
        }
    }

    /// For a socket that is to listen or to connect: before it does either.
    pub(super) fn apply(&self, socket: &Socket, ipv6: bool) -> io::Result<()> {
        if let Some(device) = &self.device {
            bind_to_device(socket, device)?;
        }
        self.apply_to_connection(socket, ipv6)
    }

    /// For a socket that was accepted. On most systems it inherits these from its listener; the
    /// device on all.
    pub(super) fn apply_to_connection(&self, socket: &Socket, ipv6: bool) -> io::Result<()> {
        self.buffers.apply(socket)?;
        match self.keepalive {
            TcpKeepalive::System => {}
            TcpKeepalive::Off => socket.set_keepalive(false)?,
            TcpKeepalive::On {
                idle,
                interval,
                count,
            } => keep_alive(socket, idle, interval, count)?,
        }
        if let Some(limit) = self.max_retransmit {
            limit_retransmission(socket, limit)?;
        }
        if self.type_of_service != 0 {
            set_type_of_service(socket, self.type_of_service, ipv6)?;
        }
        Ok(())
    }
}

fn keep_alive(
    socket: &Socket,
    idle: Option<Duration>,
    interval: Option<Duration>,
    count: Option<u32>,
) -> io::Result<()> {
    // On all systems, even if no other option is set.
    socket.set_keepalive(true)?;
    let mut probes = socket2::TcpKeepalive::new();
    if let Some(idle) = idle {
        probes = probes.with_time(idle);
    }
    #[cfg(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "windows",
    ))]
    {
        if let Some(interval) = interval {
            probes = probes.with_interval(interval);
        }
        if let Some(count) = count {
            probes = probes.with_retries(count);
        }
    }
    #[cfg(not(any(
        target_os = "android",
        target_os = "freebsd",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
        target_os = "windows",
    )))]
    if interval.is_some() || count.is_some() {
        return Err(not_here("the interval and count of TCP keepalive probes"));
    }
    if idle.is_none() && interval.is_none() && count.is_none() {
        return Ok(());
    }
    socket.set_tcp_keepalive(&probes)
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn limit_retransmission(socket: &Socket, limit: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(limit))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn limit_retransmission(_socket: &Socket, _limit: Duration) -> io::Result<()> {
    Err(not_here("tcp_max_retransmit"))
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn bind_to_device(socket: &Socket, device: &str) -> io::Result<()> {
    socket
        .bind_device(Some(device.as_bytes()))
        .map_err(|error| {
            let text = format!("cannot bind to device {device}: {error}");
            io::Error::new(error.kind(), text)
        })
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn bind_to_device(_socket: &Socket, _device: &str) -> io::Result<()> {
    Err(not_here("bind_to_device"))
}

#[cfg(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "openbsd",
))]
fn set_type_of_service(socket: &Socket, value: u8, ipv6: bool) -> io::Result<()> {
    if !ipv6 {
        return socket.set_tos_v4(value.into());
    }
    socket.set_tclass_v6(value.into())?;
    // For IPv4 peers of a socket of both families. Not every system supports this on an IPv6
    // socket.
    let _ = socket.set_tos_v4(value.into());
    Ok(())
}

#[cfg(not(any(
    target_os = "android",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "linux",
    target_os = "macos",
    target_os = "netbsd",
    target_os = "openbsd",
)))]
fn set_type_of_service(_socket: &Socket, _value: u8, _ipv6: bool) -> io::Result<()> {
    Err(not_here("type_of_service"))
}

/// No option is accepted and then ignored.
#[allow(dead_code)] // Not on systems that have everything.
fn not_here(what: &str) -> io::Error {
    let text = format!("this system does not have {what}");
    io::Error::new(io::ErrorKind::Unsupported, text)
}
