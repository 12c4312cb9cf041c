//! Typed messages: two sockets exchange a struct, encoded as JSON by a codec.
//!
//! ```text
//! typed                           both sides, over inproc
//! typed tcp://127.0.0.1:5555      the station; any PULL socket bound there gets JSON
//! ```

use std::error::Error;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zmq_channels::codec::Codec;
use zmq_channels::error::TypedRecvError;
use zmq_channels::{Context, Message, Pull, Push, Socket};

/// Any type that serde knows, as one frame of JSON.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Json;

impl<T: Serialize + DeserializeOwned> Codec<T> for Json {
    type EncodeError = serde_json::Error;
    type DecodeError = serde_json::Error;

    fn encode(&self, value: &T) -> Result<Message, serde_json::Error> {
        serde_json::to_vec(value).map(Message::from)
    }

    fn decode(&self, message: &Message) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&message[0])
    }
}

/// What a weather station reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reading {
    pub(crate) station: String,
    pub(crate) celsius: f32,
    pub(crate) wind: Option<u32>,
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let context = Context::new();
    let station = context.socket::<Push>()?;
    if let Some(endpoint) = std::env::args()
        .nth(1)
        .filter(|given| given.contains("://"))
    {
        station.connect(endpoint)?;
        return report(&station);
    }
    let office = context.socket::<Pull>()?;
    station.connect(office.bind("inproc://weather")?)?;
    station.send_blocking("not a reading at all")?;
    report(&station)?;
    collect(&office)
}

fn report(station: &Socket<Push>) -> Result<(), Box<dyn Error>> {
    let readings = station.sender().with_codec(Json);
    for (celsius, wind) in [(21.5, Some(3)), (22.0, None)] {
        readings.send_blocking(Reading {
            station: "harbour".to_owned(),
            celsius,
            wind,
        })?;
    }
    station.close_blocking();
    Ok(())
}

fn collect(office: &Socket<Pull>) -> Result<(), Box<dyn Error>> {
    let readings = office.receiver().with_codec::<Reading, _>(Json);
    let mut count = 0;
    while count < 2 {
        match readings.recv_blocking() {
            Ok(Reading {
                station,
                celsius,
                wind,
            }) => {
                println!("{station}: {celsius} °C, wind {wind:?}");
                count += 1;
            }
            // The message is still there, for a reader that can decode it.
            Err(TypedRecvError::Decode(error, message)) => println!("{message:?}: {error}"),
            Err(TypedRecvError::Recv(end)) => return Err(end.into()),
        }
    }
    Ok(())
}
