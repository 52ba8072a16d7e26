//! Encoding values as bytes.

mod check;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use sessions_store::view::Scratch;

use crate::error::{Error, ErrorKind};

/// A custom encoding of values, in place of JSON.
///
/// A codec receives each value as a [`serde_json::Value`], which costs at least one allocation; the
/// built-in JSON encoding does not. Integers bypass the codec and are stored as decimal text, so
/// that a store can increment them. A codec that encrypts therefore leaves integers readable, as
/// well as keys and principals, which are not values.
///
/// ```
/// use sessions_core::{Codec, Sessions};
///
/// #[derive(Debug)]
/// struct Pretty;
///
/// impl Codec for Pretty {
///     fn encode(&self, value: &serde_json::Value) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(serde_json::to_vec_pretty(value)?)
///     }
///     fn decode(&self, bytes: &[u8]) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(serde_json::from_slice(bytes)?)
///     }
/// }
///
/// # pollster::block_on(async {
/// let session = Sessions::builder().codec(Pretty).build()?.open().session([]).await?;
/// session.set("size", &[38, 40])?;
/// assert_eq!(session.get::<[u8; 2]>("size")?, Some([38, 40]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub trait Codec: fmt::Debug + Send + Sync + 'static {
    /// Encodes a value.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be encoded. The error must not contain the value.
    fn encode(&self, value: &serde_json::Value) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>>;

    /// Decodes a value.
    ///
    /// # Errors
    ///
    /// Returns an error if [`encode`](Self::encode) cannot have written the bytes. The error must
    /// not contain them.
    fn decode(&self, bytes: &[u8]) -> Result<serde_json::Value, Box<dyn StdError + Send + Sync>>;
}

/// First byte of a value that a custom codec wrote.
///
/// No JSON text begins with it, so that a stored value identifies its own encoding.
const CODED: u8 = 0;

/// The codec in use.
///
/// JSON does not implement [`Codec`], so that types are read and written directly.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Json,
    Coded(Arc<dyn Codec>),
}

impl Values {
    /// Appends the encoded value to `out`.
    ///
    /// Refuses a value that [`decode`](Self::decode) would not return unchanged.
    pub(crate) fn encode<T: Serialize + ?Sized>(&self, value: &T, out: &mut Scratch) -> Result<(), Error> {
        check::check(value).map_err(|refused| Error::with_source(ErrorKind::Encode, refused))?;
        match self {
            Self::Json => serde_json::to_writer(out, value).map_err(|cause| encode_error(&cause)),
            Self::Coded(codec) => encode_coded(&**codec, value, out),
        }
    }

    /// Decodes the value of the entry or flash `key`.
    pub(crate) fn decode<T: DeserializeOwned>(&self, key: &str, bytes: &[u8]) -> Result<T, Error> {
        match (self, bytes) {
            (Self::Coded(codec), [CODED, coded @ ..]) => decode_coded(&**codec, key, coded),
            _ => serde_json::from_slice(bytes).map_err(|cause| Error::undecodable::<T>(key, unquoted(&cause))),
        }
    }
}

fn encode_coded<T: Serialize + ?Sized>(codec: &dyn Codec, value: &T, out: &mut Scratch) -> Result<(), Error> {
    let value = serde_json::to_value(value).map_err(|cause| encode_error(&cause))?;
    if value.is_i64() {
        return serde_json::to_writer(out, &value).map_err(|cause| encode_error(&cause));
    }
    let coded = codec.encode(&value).map_err(|cause| Error::with_source(ErrorKind::Encode, cause))?;
    if codec.decode(&coded).ok() != Some(value) {
        return Err(Error::with_source(ErrorKind::Encode, "the codec does not decode the value that it encoded"));
    }
    out.extend(&[CODED]);
    out.extend(&coded);
    Ok(())
}

// Not inlined, to keep the JSON path short.
#[inline(never)]
fn decode_coded<T: DeserializeOwned>(codec: &dyn Codec, key: &str, coded: &[u8]) -> Result<T, Error> {
    let value = codec.decode(coded).map_err(|cause| Error::undecodable::<T>(key, cause))?;
    serde_json::from_value(value).map_err(|cause| Error::undecodable::<T>(key, unquoted(&cause)))
}

#[cold]
fn encode_error(cause: &serde_json::Error) -> Error {
    Error::with_source(ErrorKind::Encode, unquoted(cause))
}

/// Describes a JSON error without its message, which may quote the value.
fn unquoted(cause: &serde_json::Error) -> &'static str {
    match cause.classify() {
        Category::Io => "the value cannot be written",
        Category::Syntax => "the bytes are not JSON",
        Category::Data => "the value does not match the requested type",
        Category::Eof => "the JSON ends unexpectedly",
    }
}
