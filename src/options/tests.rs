//! Every option is set, and returned as it was set.

use super::effect::{different, every_name};
use super::*;
use crate::security::Security;

const SECOND: Duration = Duration::from_secs(1);

/// Sets each option alone, reads it back, and asserts that no other option has changed.
macro_rules! set_and_read {
    ($($option:ident: $setter:ident($($value:expr),*), $getter:ident() => $read:expr;)*) => {
        #[test]
        fn getters_return_what_setters_were_given() {
            // A filter equals its clones only: see the next test.
            let mut set = vec!["accept_filter"];
            $(
                let options = Options::new().$setter($($value),*);
                assert_eq!(options.$getter(), $read, stringify!($option));
                assert_ne!(Options::new().$getter(), $read, "{}: its default", stringify!($option));
                let changed = different(&options, &Options::new());
                assert_eq!(changed, [stringify!($option)]);
                assert_eq!(stringify!($getter), concat!("get_", stringify!($option)));
                set.extend(changed);
            )*
            let forgotten: Vec<&str> = every_name().filter(|name| !set.contains(name)).collect();
            assert!(forgotten.is_empty(), "no row here: {forgotten:?}");
        }
    };
}

set_and_read! {
    send_high_water_mark: send_high_water_mark(1), get_send_high_water_mark() => 1;
    receive_high_water_mark: receive_high_water_mark(2), get_receive_high_water_mark() => 2;
    send_overflow: send_overflow(Overflow::Latest), get_send_overflow() => Overflow::Latest;
    receive_overflow: receive_overflow(Overflow::DropOldest),
        get_receive_overflow() => Overflow::DropOldest;
    linger: linger(SECOND), get_linger() => Linger::For(SECOND);
    immediate: immediate(true), get_immediate() => true;
    require_endpoint: require_endpoint(true), get_require_endpoint() => true;
    routing_id: routing_id("anna"), get_routing_id() => b"anna";
    oldest_zmtp: oldest_zmtp(ZmtpVersion::V3_0), get_oldest_zmtp() => ZmtpVersion::V3_0;
    max_frame_size: max_frame_size(3), get_max_frame_size() => Some(3);
    max_message_size: max_message_size(4), get_max_message_size() => Some(4);
    metadata: property("X-color", "blue"),
        get_metadata() => [("X-color".to_owned(), b"blue".to_vec())];
    handshake_timeout: handshake_timeout(SECOND), get_handshake_timeout() => Some(SECOND);
    in_batch_size: in_batch_size(5000), get_in_batch_size() => 5000;
    out_batch_size: out_batch_size(6000), get_out_batch_size() => 6000;
    heartbeat_interval: heartbeat_interval(SECOND), get_heartbeat_interval() => Some(SECOND);
    heartbeat_timeout: heartbeat_timeout(SECOND), get_heartbeat_timeout() => Some(SECOND);
    heartbeat_ttl: heartbeat_ttl(SECOND), get_heartbeat_ttl() => Some(SECOND);
    reconnect_interval: reconnect_interval(None), get_reconnect_interval() => None;
    reconnect_interval_max: reconnect_interval_max(SECOND), get_reconnect_interval_max() => SECOND;
    reconnect_stop: reconnect_stop(ReconnectStop::new().refused(true)),
        get_reconnect_stop() => ReconnectStop::new().refused(true);
    connect_timeout: connect_timeout(SECOND), get_connect_timeout() => Some(SECOND);
    backlog: backlog(7), get_backlog() => 7;
    max_peers: max_peers(8), get_max_peers() => Some(8);
    message_peers: message_peers(true), get_message_peers() => true;
    pump: pump(9), get_pump() => Some(9);
    ipv6: ipv6(true), get_ipv6() => true;
    tcp_keepalive: tcp_keepalive(TcpKeepalive::Off), get_tcp_keepalive() => TcpKeepalive::Off;
    tcp_max_retransmit: tcp_max_retransmit(SECOND), get_tcp_max_retransmit() => Some(SECOND);
    type_of_service: type_of_service(0x10), get_type_of_service() => 0x10;
    bind_to_device: bind_to_device("lo"), get_bind_to_device() => Some("lo");
    socks_proxy: socks_proxy(SocksProxy::new("localhost:1080")),
        get_socks_proxy() => Some(&SocksProxy::new("localhost:1080"));
    kernel_send_buffer: kernel_send_buffer(10_000), get_kernel_send_buffer() => Some(10_000);
    kernel_receive_buffer: kernel_receive_buffer(11_000),
        get_kernel_receive_buffer() => Some(11_000);
    security: security(Security::PlainServer), get_security() => &Security::PlainServer;
    zap_domain: zap_domain("home"), get_zap_domain() => "home";
    zap_enforce_domain: zap_enforce_domain(true), get_zap_enforce_domain() => true;
    xpub_verbosity: xpub_verbosity(Verbosity::Everything),
        get_xpub_verbosity() => Verbosity::Everything;
    xpub_manual: xpub_manual(ManualSubscriptions::On),
        get_xpub_manual() => ManualSubscriptions::On;
    xpub_no_drop: xpub_no_drop(true), get_xpub_no_drop() => true;
    xpub_welcome: xpub_welcome("hi"), get_xpub_welcome() => Some(&Message::from("hi"));
    invert_matching: invert_matching(true), get_invert_matching() => true;
    only_first_subscribe: only_first_subscribe(true), get_only_first_subscribe() => true;
    xsub_verbose_unsubscribe: xsub_verbose_unsubscribe(true),
        get_xsub_verbose_unsubscribe() => true;
    router_mandatory: router_mandatory(true), get_router_mandatory() => true;
    router_handover: router_handover(true), get_router_handover() => true;
    router_notify: router_notify(Notify::Both), get_router_notify() => Notify::Both;
    probe_router: probe_router(true), get_probe_router() => true;
    req_correlate: req_correlate(true), get_req_correlate() => true;
    req_relaxed: req_relaxed(true), get_req_relaxed() => true;
    stream_notify: stream_notify(false), get_stream_notify() => false;
    hello: hello("h"), get_hello() => Some(&Message::from("h"));
    disconnect_notice: disconnect_notice("d"), get_disconnect_notice() => Some(&Message::from("d"));
    hiccup_notice: hiccup_notice("h"), get_hiccup_notice() => Some(&Message::from("h"));
}

#[test]
fn without_methods_remove_text_and_closures() {
    let options = Options::new().accept_filter(|_| false);
    let filter = options.get_accept_filter().expect("it was set");
    let peer = PeerAddress::Tcp(([127, 0, 0, 1], 5555).into());
    assert!(!filter.accepts(&peer));
    assert_eq!(different(&options, &Options::new()), ["accept_filter"]);
    assert_eq!(options.without_accept_filter(), Options::new());

    let device = Options::new().bind_to_device("lo");
    assert_eq!(device.without_bind_to_device(), Options::new());
    let welcome = Options::new().xpub_welcome("hi");
    assert_eq!(welcome.without_xpub_welcome(), Options::new());
    let notices = Options::new()
        .hello("a")
        .disconnect_notice("b")
        .hiccup_notice("c");
    assert_eq!(different(&notices, &Options::new()).len(), 3);
    let notices = notices.without_hello().without_disconnect_notice();
    assert_eq!(notices.without_hiccup_notice(), Options::new());
    let named = Options::new().property("X-color", "blue");
    assert_eq!(named.without_metadata(), Options::new());
    let proxy = Options::new().socks_proxy(SocksProxy::new("localhost:1080"));
    assert_eq!(proxy.socks_proxy(None), Options::new());
}

#[test]
fn setters_take_what_people_type() {
    let linger = |options: Options| options.get_linger();
    assert_eq!(linger(Options::new().linger(SECOND)), Linger::For(SECOND));
    assert_eq!(
        linger(Options::new().linger(Some(SECOND))),
        Linger::For(SECOND)
    );
    assert_eq!(
        linger(Options::new().linger(SECOND).linger(None)),
        Linger::UntilSent
    );
    assert_eq!(
        linger(Options::new().linger(Linger::For(SECOND))),
        Linger::For(SECOND)
    );

    let plain = Options::new()
        .max_frame_size(9)
        .connect_timeout(SECOND)
        .pump(1);
    let some = Options::new()
        .max_frame_size(Some(9))
        .connect_timeout(Some(SECOND))
        .pump(Some(1));
    assert_eq!(plain, some);
    let none = some.max_frame_size(None).connect_timeout(None).pump(None);
    assert_eq!(none, Options::new());

    let context = ContextOptions::new().max_sockets(5).linger_limit(SECOND);
    assert_eq!(
        context,
        ContextOptions::new()
            .max_sockets(Some(5))
            .linger_limit(Some(SECOND))
    );
    assert_eq!(
        context.max_sockets(None).linger_limit(None),
        ContextOptions::new()
    );
}

macro_rules! set_and_read_of_a_context {
    ($($option:ident($value:expr), $getter:ident() => $read:expr;)*) => {
        #[test]
        fn getters_of_a_context_return_what_setters_were_given() {
            // Does not compile while an option has no row.
            let ContextOptions { $($option: _),* } = ContextOptions::new();
            $(
                let options = ContextOptions::new().$option($value);
                assert_eq!(options.$getter(), $read, stringify!($option));
                assert_ne!(options, ContextOptions::new(), "{}", stringify!($option));
                let again = ContextOptions { $option: options.$option, ..ContextOptions::new() };
                assert_eq!(again, ContextOptions::new().$option($value), stringify!($option));
            )*
        }
    };
}

set_and_read_of_a_context! {
    pumps(2), get_pumps() => 2;
    name("feed"), get_name() => "feed";
    max_sockets(3), get_max_sockets() => Some(3);
    max_connections(4), get_max_connections() => Some(4);
    max_handshakes(5), get_max_handshakes() => 5;
    assist(false), get_assist() => false;
    lead(false), get_lead() => false;
    spin(Duration::ZERO), get_spin() => Duration::ZERO;
    task_spin(Duration::ZERO), get_task_spin() => Duration::ZERO;
    linger_limit(SECOND), get_linger_limit() => Some(SECOND);
    socket_options(Options::new().backlog(6)), get_socket_options() => &Options::new().backlog(6);
}

/// Every setter that names an option of libzmq has a doc alias for it, with and without its prefix.
#[test]
fn setters_are_found_by_the_names_of_libzmq() {
    let files = [
        include_str!("authentication.rs"),
        include_str!("connections.rs"),
        include_str!("context.rs"),
        include_str!("heartbeat.rs"),
        include_str!("network.rs"),
        include_str!("notices.rs"),
        include_str!("protocol.rs"),
        include_str!("publishing.rs"),
        include_str!("queues.rs"),
        include_str!("routing.rs"),
    ];
    let mut found = 0;
    for text in files {
        let mut above: Vec<&str> = Vec::new();
        for line in text.lines().map(str::trim) {
            if !line.starts_with("///") && !line.starts_with("#[") {
                let name = line
                    .strip_prefix("pub fn ")
                    .and_then(|rest| rest.split('(').next());
                let doc: String = above
                    .iter()
                    .filter(|line| line.starts_with("///"))
                    .copied()
                    .collect();
                let aliases: Vec<&str> = above
                    .iter()
                    .filter_map(|line| line.strip_prefix("#[doc(alias = \"")?.strip_suffix("\")]"))
                    .collect();
                for alias in &aliases {
                    let other = alias.strip_prefix("ZMQ_").unwrap_or(alias);
                    assert!(aliases.contains(&other), "{name:?}: {other}");
                }
                // The first name a doc gives is the twin, unless it says that there is none.
                let twin = doc
                    .split("`ZMQ_")
                    .nth(1)
                    .and_then(|rest| rest.split('`').next());
                let has_none = doc.contains("libzmq has no such option") || doc.contains("no libzmq twin")
                        // It stands for all options of a socket.
                        || name == Some("socket_options");
                if let (Some(name), Some(twin), false) = (name, twin, has_none) {
                    let alias = format!("ZMQ_{twin}");
                    assert!(
                        aliases.contains(&alias.as_str()),
                        "{name} is not found as {alias}"
                    );
                    found += 1;
                }
                above.clear();
            } else {
                above.push(line);
            }
        }
    }
    assert!(found >= 40, "only {found} setters");
}
