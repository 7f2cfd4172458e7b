//! Asking other people's clouds: what they are called, where they are, what proves to them who asks, and the sockets.
//!
//! `longrun wait` and the gateway ask alike. How a poll is signed and what an answer means is the dialects' to say; here
//! a poll is sent and what comes of it is told. A secret is a [`Secret`], which prints as dots; a token goes to nobody
//! but the cloud that handed it out, and no redirect is followed, as a signature is for one host.

mod address;
mod cloud;
mod identity;
mod reach;
mod secret;
mod task;
mod transport;

pub use address::{Address, BadAddress};
pub use cloud::Cloud;
pub use identity::{Identity, Login, Named, Scope, Session, User};
pub(crate) use reach::NotPassed;
pub use reach::{Keys, Polled, Reach};
pub use secret::Secret;
pub use task::{BadTask, Task};
pub use transport::{AUTHORITIES, NoAnswer, Received, Transport, TransportError};

/// Whose credentials are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Tencent Cloud.
    Tencent,
    /// Alibaba Cloud.
    Alibaba,
    /// Huawei Cloud, and the OpenStack clouds that speak as it does.
    Huawei,
}

impl Vendor {
    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tencent => "Tencent Cloud",
            Self::Alibaba => "Alibaba Cloud",
            Self::Huawei => "Huawei Cloud",
        }
    }
}

/// What proves to a cloud who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// An access key, which signs each poll.
    Key(AccessKey),
    /// A token that was handed out before.
    Token {
        /// The token.
        token: Secret,
        /// The identity service that handed it out, if it is known.
        auth_url: Option<String>,
    },
    /// What the identity service hands out tokens for: a password, or an application credential.
    Login(Box<Login>),
}

/// An access key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: Secret,
    /// The token of temporary credentials.
    pub session_token: Option<Secret>,
}
