//! Structs out of formats that do not name their fields: what a newer build added at the end is passed over
//!
//! What an older build did not write yet reads as its default. So fields may be added at the end, and never moved.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A struct, of which as many fields are read as this build knows.
pub(crate) struct Known<T>(pub(crate) T);

/// Reads a list of such structs.
///
/// # Errors
///
/// Where one of them cannot be read.
pub(crate) fn each<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let all: Vec<Known<T>> = Vec::deserialize(deserializer)?;
    Ok(all.into_iter().map(|Known(one)| one).collect())
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Known<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Known", &[], Fields(PhantomData))
    }
}

/// Reads the fields of a struct, named or one behind the other.
struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Known<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields of a struct")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<Known<T>, A::Error> {
        let known = T::deserialize(SeqAccessDeserializer::new(&mut fields))?;
        while fields.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Known(known))
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Known<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Known)
    }
}
