//! That no name stands twice in an object of a body. The portal seals none of that kind, and readers of JSON disagree about what it says.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Why a body says nothing certain; `None` where each of its names stands once.
pub fn doubled(body: &[u8]) -> Option<String> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    Once.deserialize(&mut reader).and_then(|()| reader.end()).err().map(|error| error.to_string())
}

struct Once;

impl<'de> DeserializeSeed<'de> for Once {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON whose names stand once")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Once)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<(), A::Error> {
        let mut names: HashSet<Cow<'de, str>> = HashSet::new();
        while let Some(name) = pairs.next_key()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a name stands in it twice"));
            }
            pairs.next_value_seed(Once)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_stands_twice_is_found_wherever_it_stands_and_however_it_is_written() {
        for whole in [r#"{"a":1,"b":{"a":[{"a":2},{"a":"x"}]},"c":null,"d":true,"e":-1.5}"#, r#"{"b":1,"a":2}"#, "[]", "\"text\""] {
            assert_eq!(doubled(whole.as_bytes()), None, "{whole}");
        }
        for twice in [r#"{"a":1,"a":1}"#, r#"{"x":[{"b":1,"a":2,"b":3}]}"#, r#"{"a":1,"\u0061":2}"#, r#"{"a":1,"b":2,"a":3}"#] {
            assert!(doubled(twice.as_bytes()).is_some_and(|why| why.contains("twice")), "{twice}");
        }
        assert!(doubled(b"{\"a\":1}x").is_some() && doubled(b"").is_some());
    }
}
