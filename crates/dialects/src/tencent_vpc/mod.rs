//! Stub, to be replaced.
use crate::{
    Call, Claim, Credential, Dialect, Endpoint, Fault, Format, Frame, Lent, Observation, Options,
    QueryError, Reply, Request, SignError, Target,
};
use http::HeaderMap;
use longrun_model::{Operation, Timestamp};
/// tencent-vpc.
#[derive(Debug)]
pub struct TencentVpc;
impl Dialect for TencentVpc {
    fn name(&self) -> &'static str {
        "tencent-vpc"
    }
    fn claims(&self, request: &Request) -> bool {
        request.path == "/v2/index.php"
    }
    fn parse<'a>(&self, request: &Request<'a>, _options: &Options) -> Call<'a> {
        let claim: Result<Claim, Fault> = Err(Fault::MissingCredentials("stub"));
        Call {
            frame: Frame {
                action: "stub",
                format: Format::Json,
                host: request.host(),
            },
            claim,
            wish: Err(Fault::Internal),
        }
    }
    fn answer(&self, _frame: &Frame, _lent: &Lent, _outcome: Result<&Operation, &Fault>) -> Reply {
        Reply::json(b"{\"code\":4100}".to_vec())
    }
    fn poll(
        &self,
        _target: &Target,
        _endpoint: &Endpoint,
        _credential: &Credential,
        _now: Timestamp,
        _nonce: u128,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        Err(SignError::NoProject)
    }
    fn read(
        &self,
        _status: u16,
        _headers: &HeaderMap,
        _body: &[u8],
    ) -> Result<Observation, QueryError> {
        Err(QueryError {
            code: String::new(),
            message: String::new(),
            retry: crate::Retry::Never,
        })
    }
}
