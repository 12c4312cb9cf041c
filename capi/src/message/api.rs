//! The functions of messages: zmq_msg_init(3), zmq_msg_copy(3) and the others.

use std::ffi::{c_char, c_int, c_void, CStr};

use super::{valid, Kind, Msg, MAX_GROUP, MORE, ZMQ_MORE, ZMQ_SHARED};
use crate::block::{Block, FreeFn};
use crate::errno::{self, done, EINVAL, ENOMEM};

/// zmq_msg_init(3): an empty message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init(msg: *mut Msg) -> c_int {
    // SAFETY: the caller gives memory for a message.
    unsafe { msg.write(Msg::empty()) };
    0
}

/// zmq_msg_init_size(3): a message of `size` bytes, to be filled in.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_size(msg: *mut Msg, size: usize) -> c_int {
    // SAFETY: the caller gives memory for a message.
    done(Msg::of_size(size).map(|new| unsafe { msg.write(new) }))
}

/// zmq_msg_init_buffer(3): a message with a copy of `size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_buffer(
    msg: *mut Msg,
    data: *const c_void,
    size: usize,
) -> c_int {
    done(Msg::of_size(size).map(|mut new| {
        if size > 0 {
            // SAFETY: the caller gives that many bytes, and the new message has room for them.
            unsafe { std::ptr::copy_nonoverlapping(data.cast::<u8>(), new.data().cast(), size) };
        }
        // SAFETY: the caller gives memory for a message.
        unsafe { msg.write(new) };
    }))
}

/// zmq_msg_init_data(3): a message of the user's memory, which is released by `free`, once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_init_data(
    msg: *mut Msg,
    data: *mut c_void,
    size: usize,
    free: Option<FreeFn>,
    hint: *mut c_void,
) -> c_int {
    // SAFETY: the caller gives up the memory until `free` is called.
    let block = unsafe { Block::foreign(data.cast(), size, free, hint) };
    // SAFETY: the caller gives memory for a message.
    done(
        block
            .ok_or(ENOMEM)
            .map(|block| unsafe { msg.write(Msg::with_block(block)) }),
    )
}

/// zmq_msg_close(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_close(msg: *mut Msg) -> c_int {
    // SAFETY: promised by the caller.
    done(unsafe { valid(msg) }.map(|msg| {
        msg.release();
        msg.magic = 0;
    }))
}

/// zmq_msg_move(3): `src` is empty afterwards, what `dest` had is released.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_move(dest: *mut Msg, src: *mut Msg) -> c_int {
    // SAFETY: promised by the caller; the check of the pointers shows that they are two messages.
    done(unsafe { valid(src) }.and_then(|src_msg| {
        if dest == src {
            return Ok(());
        }
        // SAFETY: as above.
        let dest = unsafe { valid(dest) }?;
        dest.replace(std::mem::replace(src_msg, Msg::empty()));
        Ok(())
    }))
}

/// zmq_msg_copy(3): both share the payload, which must not be written to any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_copy(dest: *mut Msg, src: *mut Msg) -> c_int {
    // SAFETY: promised by the caller.
    let copy = unsafe { valid(src) }.map(|src| src.share());
    done(copy.and_then(|copy| {
        // SAFETY: promised by the caller.
        match unsafe { valid(dest) } {
            Ok(dest) => {
                dest.replace(copy);
                Ok(())
            }
            Err(errno) => {
                let mut copy = copy;
                copy.release();
                Err(errno)
            }
        }
    }))
}

/// zmq_msg_data(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_data(msg: *mut Msg) -> *mut c_void {
    // SAFETY: promised by the caller.
    errno::pointer(unsafe { valid(msg) }.map(Msg::data))
}

/// zmq_msg_size(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_size(msg: *const Msg) -> usize {
    // SAFETY: promised by the caller; the message is only read.
    unsafe { valid(msg.cast_mut()) }.map_or(0, |msg| msg.bytes().len())
}

/// zmq_msg_more(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_more(msg: *const Msg) -> c_int {
    // SAFETY: promised by the caller; the message is only read.
    unsafe { valid(msg.cast_mut()) }.map_or(0, |msg| c_int::from(msg.flags & MORE))
}

/// zmq_msg_get(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_get(msg: *const Msg, property: c_int) -> c_int {
    // SAFETY: promised by the caller; the message is only read.
    let msg = unsafe { valid(msg.cast_mut()) };
    errno::answer(msg.and_then(|msg| match property {
        ZMQ_MORE => Ok(c_int::from(msg.flags & MORE)),
        ZMQ_SHARED => Ok(c_int::from(match msg.block() {
            Some(block) => block.is_shared(),
            None => msg.kind == Kind::Received,
        })),
        // ZMQ_SRCFD too: the library does not give descriptors of connections away.
        _ => Err(EINVAL),
    }))
}

/// zmq_msg_set(3): libzmq 4.3 has no property that can be set either.
#[unsafe(no_mangle)]
pub extern "C" fn zmq_msg_set(_msg: *mut Msg, _property: c_int, _value: c_int) -> c_int {
    done(Err(EINVAL))
}

/// zmq_msg_gets(3): a property of the connection that a message was received from. The text lasts as
/// long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_gets(msg: *const Msg, name: *const c_char) -> *const c_char {
    if name.is_null() {
        return errno::pointer(Err::<*mut c_char, _>(EINVAL));
    }
    // SAFETY: the caller gives a text that ends with NUL.
    let name = unsafe { CStr::from_ptr(name) };
    // SAFETY: promised by the caller; the message is only read.
    let msg = unsafe { valid(msg.cast_mut()) };
    crate::metadata::want();
    let found = msg.and_then(|msg| {
        let metadata = msg.metadata().ok_or(EINVAL)?;
        metadata.text(name).ok_or(EINVAL)
    });
    errno::pointer(found.map(<*const c_char>::cast_mut))
}

/// zmq_msg_set_routing_id(3): the peer of a SERVER or PEER that a message is for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_routing_id(msg: *mut Msg, routing_id: u32) -> c_int {
    // SAFETY: promised by the caller.
    done(unsafe { valid(msg) }.and_then(|msg| {
        if routing_id == 0 {
            return Err(EINVAL);
        }
        msg.routing_id = routing_id;
        Ok(())
    }))
}

/// zmq_msg_routing_id(3).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_routing_id(msg: *mut Msg) -> u32 {
    // SAFETY: promised by the caller.
    unsafe { valid(msg) }.map_or(0, |msg| msg.routing_id)
}

/// zmq_msg_set_group(3): the group of a RADIO that a message is for.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_set_group(msg: *mut Msg, group: *const c_char) -> c_int {
    if group.is_null() {
        return done(Err(EINVAL));
    }
    // SAFETY: the caller gives a text that ends with NUL.
    let group = unsafe { CStr::from_ptr(group) }.to_bytes();
    // SAFETY: promised by the caller.
    done(unsafe { valid(msg) }.and_then(|msg| {
        if group.len() > MAX_GROUP {
            return Err(EINVAL);
        }
        msg.set_group(group);
        Ok(())
    }))
}

/// zmq_msg_group(3): the text lasts as long as the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn zmq_msg_group(msg: *mut Msg) -> *const c_char {
    // SAFETY: promised by the caller.
    let msg = unsafe { valid(msg) };
    let group = msg.ok().and_then(|msg| msg.group().map(CStr::as_ptr));
    group.unwrap_or(c"".as_ptr())
}
