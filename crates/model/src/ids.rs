//! The one key of an operation, and the texts that stand for it.
//!
//! The key is a small integer; the texts are that integer put through a block cipher together with eight zero bytes, so
//! that a text can neither be guessed nor be mistyped into another operation's, and no index is needed to find the key
//! again.

use aes::Aes128;
use aes::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// An operation's key: positive and below 2^53, so that every JSON reader keeps it exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OperationKey(u64);

impl OperationKey {
    /// The largest key there is.
    pub const MAX: Self = Self((1 << 53) - 1);

    /// The key with this number, if it is in range.
    pub const fn new(number: u64) -> Option<Self> {
        if number >= 1 && number <= Self::MAX.0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for OperationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Turns keys into texts and back, under a secret that stays the same for the life of a store.
#[derive(Clone)]
pub struct Ids {
    cipher: Aes128,
    /// Texts that were chosen for keys instead.
    chosen: Option<Arc<Chosen>>,
}

#[derive(Default)]
struct Chosen {
    keys: HashMap<Box<str>, OperationKey>,
    texts: HashMap<OperationKey, IdText>,
}

/// What the native and the Alibaba ids begin with.
const PREFIX: &str = "op-";

impl Ids {
    /// The texts under `secret`.
    pub fn new(secret: [u8; 16]) -> Self {
        Self {
            cipher: Aes128::new(&secret.into()),
            chosen: None,
        }
    }

    /// The same, but these operations are known by these texts as well. One of 32 hexadecimal digits, with or without
    /// `op-`, is also what the operation is called from then on. For emulators alone: such a text can be guessed.
    #[must_use]
    pub fn with_chosen<'t>(
        mut self,
        chosen: impl IntoIterator<Item = (OperationKey, &'t str)>,
    ) -> Self {
        let mut all = Chosen::default();
        for (key, text) in chosen {
            let bare = bare(text);
            all.keys.insert(bare.into(), key);
            let is_id = bare.len() == 32 && bare.bytes().all(|byte| digit(byte).is_some());
            if is_id {
                let mut id = [0; 35];
                id[..PREFIX.len()].copy_from_slice(PREFIX.as_bytes());
                id[PREFIX.len()..].copy_from_slice(bare.as_bytes());
                all.texts.insert(key, IdText(id));
            }
        }
        self.chosen = (!all.keys.is_empty()).then(|| Arc::new(all));
        self
    }

    /// The text of `key`.
    pub fn text(&self, key: OperationKey) -> IdText {
        let chosen = self.chosen.as_ref();
        if let Some(text) = chosen.and_then(|chosen| chosen.texts.get(&key)) {
            return *text;
        }
        let mut block = Block::<Aes128>::default();
        block[..8].copy_from_slice(&key.0.to_be_bytes());
        self.cipher.encrypt_block(&mut block);
        let mut text = [0; 35];
        text[..3].copy_from_slice(PREFIX.as_bytes());
        for (byte, digits) in block.iter().zip(text[3..].chunks_exact_mut(2)) {
            digits[0] = HEX[usize::from(byte >> 4)];
            digits[1] = HEX[usize::from(byte & 15)];
        }
        IdText(text)
    }

    /// The key that `text` stands for: `op-` and 32 hexadecimal digits, or the digits alone.
    pub fn key(&self, text: &str) -> Option<OperationKey> {
        let bare = bare(text);
        let chosen = self.chosen.as_ref();
        if let Some(key) = chosen.and_then(|chosen| chosen.keys.get(bare)) {
            return Some(*key);
        }
        let digits = bare.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut block = Block::<Aes128>::default();
        for (byte, pair) in block.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        self.cipher.decrypt_block(&mut block);
        let (number, check) = block.split_at(8);
        if check.iter().any(|byte| *byte != 0) {
            return None;
        }
        OperationKey::new(u64::from_be_bytes(number.try_into().ok()?))
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Ids")
    }
}

/// The text without what native ids begin with.
fn bare(text: &str) -> &str {
    text.strip_prefix(PREFIX).unwrap_or(text)
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// The value of a lower-case hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// The text of a key: 32 hexadecimal digits, with or without `op-` before them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdText([u8; 35]);

impl IdText {
    /// `op-` and 32 digits: the native id, and Alibaba's `OperationId`.
    pub fn prefixed(&self) -> &str {
        std::str::from_utf8(&self.0).expect("an id is ASCII by construction")
    }

    /// The 32 digits alone: Huawei's `job_id`.
    pub fn digits(&self) -> &str {
        &self.prefixed()[PREFIX.len()..]
    }
}

impl fmt::Display for IdText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.prefixed())
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.prefixed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text leads back to its own key, and to nothing under another secret or with a digit changed.
    #[test]
    fn texts_are_keyed() {
        let ids = Ids::new([7; 16]);
        for number in [1, 2, 297, 1_000_800_001, OperationKey::MAX.get()] {
            let key = OperationKey::new(number).unwrap();
            let text = ids.text(key);
            assert_eq!(ids.key(text.prefixed()), Some(key));
            assert_eq!(ids.key(text.digits()), Some(key));
            assert_eq!(Ids::new([8; 16]).key(text.digits()), None);
            let other = if text.digits().ends_with('0') {
                '1'
            } else {
                '0'
            };
            assert_eq!(ids.key(&format!("{}{other}", &text.digits()[..31])), None);
        }
    }

    #[test]
    fn chosen_texts_lead_to_their_keys_and_ids_are_written() {
        let [one, two] = [1, 2].map(|number| OperationKey::new(number).unwrap());
        let id = "4010b39b4fd3d5ff014fd943bac41619";
        let plain = Ids::new([7; 16]);
        let ids = plain.clone().with_chosen([(one, id), (two, "op_x")]);
        assert_eq!(ids.text(one).digits(), id);
        assert_eq!(ids.key(&format!("op-{id}")), Some(one));
        assert_eq!(ids.key("op_x"), Some(two));
        // A text that no id looks like is understood, and never written.
        assert_eq!(ids.text(two), plain.text(two));
        assert_eq!(ids.key(plain.text(two).digits()), Some(two));
        assert_eq!(plain.key(id), None);
    }

    #[test]
    fn keys_and_texts_out_of_range_are_refused() {
        assert_eq!(OperationKey::new(0), None);
        assert_eq!(OperationKey::new(1 << 53), None);
        let ids = Ids::new([7; 16]);
        let upper = ids.text(OperationKey::MAX).digits().to_uppercase();
        for text in [
            "",
            "op-",
            "op-123",
            &"é".repeat(16),
            &format!("op-op-{}", "0".repeat(32)),
            &upper,
        ] {
            assert_eq!(ids.key(text), None, "{text}");
        }
    }
}
