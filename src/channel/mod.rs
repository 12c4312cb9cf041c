//! stub
use std::sync::Arc; use std::time::{Duration,Instant}; use std::collections::VecDeque; use crate::{message::Message, options::Options, socket_type::SocketType, error::*};
use std::future::Future;
pub(crate) trait Hook: Send + Sync { fn notify(&self); }
pub(crate) struct Alarms; impl Alarms { pub(crate) fn new(_: Arc<dyn Hook>) -> Self { Alarms } pub(crate) fn earliest(&self) -> Option<Instant> { None } pub(crate) fn fire(&self, _: Instant) {} }
pub(crate) struct Mailbox<C>(std::marker::PhantomData<fn(C)>);
impl<C> Mailbox<C> { pub(crate) fn new(_: Box<dyn Fn() + Send + Sync>) -> Self { panic!() } pub(crate) fn collect(&self, _: &mut Vec<C>, _: &mut Vec<usize>) {} pub(crate) fn post(&self, c: C) -> Result<(), C> { Err(c) } pub(crate) fn mark(&self, _: usize) {} pub(crate) fn nudge(&self) {} pub(crate) fn close(&self) {} pub(crate) fn prepare_sleep(&self) -> bool { true } pub(crate) fn awake(&self) {} }
pub(crate) struct Answer<T>(T); pub(crate) struct Reply<T>(T);
pub(crate) fn answer<T>() -> (Answer<T>, Reply<T>) { panic!() }
impl<T> Answer<T> { pub(crate) fn wait(self) -> Option<T> { None } pub(crate) fn wait_until(self, _: Instant) -> Option<T> { None } }
impl<T> Future for Answer<T> { type Output = Option<T>; fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> { panic!() } }
impl<T> Reply<T> { pub(crate) fn send(self, _: T) {} }
pub(crate) struct Channel<T>(T);
impl<T> Channel<T> { pub(crate) fn take(&self, _: usize, _: &mut VecDeque<T>) -> bool { false } pub(crate) fn push_batch(&self, _: &mut VecDeque<T>) {} pub(crate) fn room(&self) -> usize {0} pub(crate) fn arm_producer(&self) -> bool { false } pub(crate) fn release(&self, _: usize) {} pub(crate) fn set_capacity(&self, _: usize) {} pub(crate) fn close(&self) {} pub(crate) fn is_empty(&self) -> bool { true } pub(crate) fn drain_rest(&self) -> usize { 0 } }
pub(crate) struct Ports;
impl Ports { pub(crate) fn new(_: SocketType, _: &Options, _: Arc<dyn Hook>, _: Arc<Alarms>) -> Arc<Self> { panic!() } pub(crate) fn inward(&self) -> Option<&Channel<Message>> { None } pub(crate) fn outward(&self) -> Option<&Channel<Message>> { None } pub(crate) fn close_requested(&self) -> bool { false } pub(crate) fn sender(self: &Arc<Self>) -> Option<Sender> { None } pub(crate) fn receiver(self: &Arc<Self>) -> Option<Receiver> { None } pub(crate) fn is_closed(&self) -> bool { false } pub(crate) fn is_terminated(&self) -> bool { false } pub(crate) fn closed(&self) {} pub(crate) fn terminate(&self) {} }
/// x
#[derive(Clone)] pub struct Sender; /// x
#[derive(Clone)] pub struct Receiver;
#[allow(missing_docs)]
impl Sender { pub fn capacity(&self) -> Option<usize> { None } pub fn send(&self, _: impl Into<Message>) -> SendF { panic!() } pub fn send_blocking(&self, _: impl Into<Message>) -> Result<(), SendError> { Ok(()) } pub fn try_send(&self, _: impl Into<Message>) -> Result<(), TrySendError> { Ok(()) } pub fn send_timeout(&self, _: impl Into<Message>, _: Duration) -> SendTF { panic!() } pub fn send_timeout_blocking(&self, _: impl Into<Message>, _: Duration) -> Result<(), SendTimeoutError> { Ok(()) } }
#[allow(missing_docs)]
impl Receiver { pub async fn recv(&self) -> Result<Message, RecvError> { Err(RecvError::Disconnected) } pub fn recv_blocking(&self) -> Result<Message, RecvError> { Err(RecvError::Disconnected) } pub fn try_recv(&self) -> Result<Message, TryRecvError> { panic!() } pub async fn recv_timeout(&self, _: Duration) -> Result<Message, RecvTimeoutError> { panic!() } pub fn recv_timeout_blocking(&self, _: Duration) -> Result<Message, RecvTimeoutError> { panic!() } }
pub(crate) struct Lazy<T>(std::marker::PhantomData<fn(T)>);
impl<T> Lazy<T> { pub(crate) fn new() -> Self { Lazy(std::marker::PhantomData) } pub(crate) fn open<U>(&self, _: impl FnOnce() -> std::io::Result<T>, _: impl FnOnce(&T) -> U) -> Option<std::io::Result<U>> { None } pub(crate) fn close(&self) -> Option<T> { None } }

type SendF = std::future::Ready<Result<(), SendError>>; type SendTF = std::future::Ready<Result<(), SendTimeoutError>>;
