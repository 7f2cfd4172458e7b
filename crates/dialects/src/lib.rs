//! The task APIs of other people's clouds.
//!
//! A dialect is one cloud's way to ask how a long-running operation stands: its bytes, its signatures, its errors. Each
//! has a folder here and speaks both ways. As a server it reads a signed request, proves the signature and writes the
//! answer; as a client it signs a poll and reads what comes back. This crate does no IO and reads no clock: the instant,
//! the secret and the random numbers are handed in.
//!
//! A signed poll, as the edge carries it out:
//!
//! ```
//! use http::{HeaderMap, Method};
//! use longrun_dialects::{Fault, Lent, Options, Request, RequestId, find};
//! use longrun_model::{Ids, Timestamp};
//!
//! let headers = HeaderMap::from_iter([(http::header::HOST, "bm.api.qcloud.com".parse().unwrap())]);
//! let request = Request {
//!     method: &Method::GET,
//!     path: "/v2/index.php",
//!     query: "Action=DescriptionOperationResult&taskId=1",
//!     headers: &headers,
//!     body: &[],
//! };
//! let options = Options::default();
//! let dialect = find(&request, &options).expect("the path belongs to tencent-bm");
//! let call = dialect.parse(&request, &options);
//! let fault = call.claim.expect_err("nobody signed it");
//! let lent = Lent {
//!     ids: &Ids::new([0; 16]),
//!     request_id: RequestId(1),
//!     now: Timestamp::default(),
//!     catalogue: &options.catalogue,
//!     followed: None,
//! };
//! let reply = dialect.answer(&call.frame, &lent, Err(&fault));
//! assert_eq!(reply.status, 200);
//! assert!(reply.body.starts_with(br#"{"code":4"#));
//! ```

mod call;
pub mod catalogue;
mod client;
mod fault;
mod form;
mod proof;
mod reply;
mod shelf;
mod stamp;
mod wire;

pub mod alibaba_bpstudio;
pub mod huawei_elb;
pub mod tencent;
pub mod tencent3;
pub mod tencent_bm;
pub mod tencent_bm3;
pub mod tencent_vpc;
pub mod tencent_vpc3;

pub use call::{
    Call, Claim, Format, Frame, Identity, OperationRef, Options, Question, Request, Wish,
};
pub use catalogue::{Action, ActionError, Catalogue, Given, Order};
pub use client::{
    Credential, Endpoint, Observation, Observed, QueryError, Retry, SignError, Signer, Target,
    Watched,
};
pub use fault::Fault;
pub use huawei_elb::identity;
pub use proof::{Algorithm, Derivation, Proof, Texts};
pub use reply::{Followed, Lent, Reply, RequestId};
pub use shelf::{Managed, Pending, Shelf};

use http::HeaderMap;
use longrun_model::{Operation, Timestamp};
use serde_json::Value;

/// One cloud's task API, both directions.
pub trait Dialect: Send + Sync {
    /// Its name in settings, targets, metrics and logs, for example `tencent-bm`.
    fn name(&self) -> &'static str;

    /// What a policy calls an operation of this dialect, in the last part of its resource name.
    fn resource_type(&self) -> &'static str {
        "operation"
    }

    /// What its policies' names of actions begin with, for example `bm` in `bm:RebootDevice`.
    fn service(&self) -> &'static str;

    /// The ways in which a submission can be answered, as the catalogue calls them; the first is the usual one.
    fn answers(&self) -> &'static [&'static str] {
        &[]
    }

    /// Whether the request is in this dialect. Cheap: it looks at the path, and at most at one parameter.
    fn claims(&self, request: &Request, options: &Options) -> bool;

    /// Whether a request to a path that nobody serves comes from a client of this cloud, by the proof that it carries.
    fn is_spoken_in(&self, request: &Request) -> bool {
        let _ = request;
        false
    }

    /// Reads a request. Never fails as a whole: what is wrong with it stands in the call, together with the frame that
    /// even a refusal needs.
    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a>;

    /// Proves that whoever holds `secret` signed the call, and did so recently.
    fn verify(&self, proof: &Proof, secret: &[u8], now: Timestamp) -> Result<(), Fault> {
        proof.verify(secret, now)
    }

    /// The name of the shelf that its accounts have. Dialects of one cloud may share one.
    fn shelf(&self) -> &'static str {
        self.name()
    }

    /// Whether an access key is locked for a while after too many bad signatures in a row.
    fn locks_keys(&self) -> bool {
        false
    }

    /// Whether its accounts keep things at all.
    fn keeps_things(&self) -> bool {
        false
    }

    /// Does what an order asks of the things on a shelf, or says which operation it takes. `chance` is random and fresh.
    fn manage(
        &self,
        order: Order,
        kept: &mut Shelf,
        lent: &Lent,
        chance: u128,
    ) -> Result<Managed, Fault> {
        let (_, _, _) = (kept, lent, chance);
        Err(Fault::UnknownAction(order.action.name.to_string()))
    }

    /// Makes a change whose operation has ended well.
    fn settle(&self, things: &mut Value, change: &Value) {
        let _ = (things, change);
    }

    /// Whether somebody may put these things onto a shelf; if not, why.
    fn check_things(&self, things: &Value) -> Result<(), String> {
        let _ = things;
        Err(format!("`{}` keeps nothing", self.name()))
    }

    /// Writes the answer. The one place of the dialect where a fault becomes an error code.
    fn answer(&self, frame: &Frame, lent: &Lent, outcome: Result<&Operation, &Fault>) -> Reply;

    /// Writes a signed request that asks how `target` stands.
    fn poll(&self, target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError>;

    /// Writes a call of somebody else anew for the upstream that `signer` signs for: what is asked stays, and in place of the
    /// caller's proof stands that of `signer`. Of `target` its project and its region count.
    fn forward(
        &self,
        request: &Request,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError>;

    /// What a policy calls the action of a call that is refused with `fault` because nobody serves that action here.
    fn unserved(&self, request: &Request, fault: &Fault) -> Option<String> {
        let _ = request;
        named_action(self.service(), fault)
    }

    /// The id of the task that the answer to a submission names, if it names one.
    fn submitted(
        &self,
        question: &Question,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<String>;

    /// Reads what came back.
    fn read(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Observation, QueryError>;
}

/// Every dialect. The first that claims a request serves it.
pub static ALL: [&dyn Dialect; 6] = [
    &tencent_bm::TencentBm,
    &tencent_vpc::TencentVpc,
    // Bare metal takes all of API 3.0 that is left.
    &tencent_vpc3::TencentVpc3,
    &tencent_bm3::TencentBm3,
    &alibaba_bpstudio::AlibabaBpstudio,
    &huawei_elb::HuaweiElb,
];

/// The dialect that a request is in.
pub fn find(request: &Request, options: &Options) -> Option<&'static dyn Dialect> {
    ALL.into_iter()
        .find(|dialect| dialect.claims(request, options))
}

/// The dialect in which to refuse a request that nobody claims, if whoever sent it is a cloud's client.
pub fn spoken_in(request: &Request) -> Option<&'static dyn Dialect> {
    ALL.into_iter()
        .find(|dialect| dialect.is_spoken_in(request))
}

/// The dialect that knows what stands on the shelf with this name, if accounts keep anything there.
pub fn keeper(shelf: &str) -> Option<&'static dyn Dialect> {
    ALL.into_iter()
        .find(|dialect| dialect.shelf() == shelf && dialect.keeps_things())
}

/// The dialect with this name.
pub fn named(name: &str) -> Option<&'static dyn Dialect> {
    ALL.into_iter().find(|dialect| dialect.name() == name)
}

/// What a policy calls the action that a fault names as unknown. A name that fills an echo may have been cut.
fn named_action(service: &str, fault: &Fault) -> Option<String> {
    let Fault::UnknownAction(name) = fault else {
        return None;
    };
    (name.chars().count() < tencent::parameters::ECHO_CHARS_MAX)
        .then(|| format!("{service}:{name}"))
}
