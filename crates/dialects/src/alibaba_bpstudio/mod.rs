//! Alibaba Cloud BPStudio, `GetExecuteOperationResult` and what it asks about, API version `2021-09-31`.
//!
//! Everything happens at the path `/`. A request is signed in one of two ways: V1 puts the action, the key and the
//! signature among the parameters, V3 puts them into headers. The answer is JSON or XML, as the caller likes. An
//! operation that is unknown, another account's or deleted is answered alike: a success without `Data`.

mod answer;
mod fault;
mod forward;
mod fresh;
mod instances;
mod parse;
mod poll;
mod read;
mod sign;
mod submit;
mod v1;
mod v3;
mod xml;

use crate::{
    Call, Dialect, Fault, Frame, Lent, Observation, Options, QueryError, Question, Reply, Request,
    SignError, Signer, Target,
};
use http::HeaderMap;
use longrun_model::Operation;

/// Its name in settings, targets and logs.
const NAME: &str = "alibaba-bpstudio";
/// The action that tells how an operation stands.
const ACTION: &str = "GetExecuteOperationResult";
/// The same as a policy spells it.
const POLICY_ACTION: &str = "bpstudio:GetExecuteOperationResult";
/// The API version. It looks like a day, and September has none such: it is only ever compared.
const VERSION: &str = "2021-09-31";
/// The longest id of an operation that is looked at. The clouds' own have far less.
const OPERATION_ID_BYTES_MAX: usize = 512;

/// Alibaba Cloud BPStudio, `GetExecuteOperationResult`.
#[derive(Clone, Copy, Debug)]
pub struct AlibabaBpstudio;

impl Dialect for AlibabaBpstudio {
    fn name(&self) -> &'static str {
        NAME
    }

    fn resource_type(&self) -> &'static str {
        // From the newer page: `acs:bpstudio::{account}:bpstudiovirtual/{id}`. The older one knows only `*`.
        "bpstudiovirtual"
    }

    fn service(&self) -> &'static str {
        "bpstudio"
    }

    fn answers(&self) -> &'static [&'static str] {
        &[answer::ID, answer::RESULT]
    }

    fn claims(&self, request: &Request, _: &Options) -> bool {
        parse::claims(request)
    }

    fn is_spoken_in(&self, request: &Request) -> bool {
        parse::has_own_header(request)
    }

    fn parse<'a>(&self, request: &Request<'a>, options: &Options) -> Call<'a> {
        parse::parse(request, options)
    }

    fn answer(&self, frame: &Frame, lent: &Lent, outcome: Result<&Operation, &Fault>) -> Reply {
        match outcome {
            Ok(operation) => match &frame.question {
                Question::Submit(action) if &*action.answer == answer::ID => {
                    answer::submitted(frame, lent, operation)
                }
                Question::Submit(_) | Question::Poll => {
                    answer::answer(frame, lent, Some(operation))
                }
            },
            Err(fault) => fault::answer(frame, lent, fault),
        }
    }

    fn poll(&self, target: &Target, signer: &Signer) -> Result<http::Request<Vec<u8>>, SignError> {
        poll::poll(target, signer)
    }

    fn forward(
        &self,
        request: &Request,
        target: &Target,
        signer: &Signer,
    ) -> Result<http::Request<Vec<u8>>, SignError> {
        let _ = target;
        forward::forward(request, signer)
    }

    fn submitted(
        &self,
        question: &Question,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<String> {
        let _ = headers;
        forward::submitted(question, status, body)
    }

    fn read(
        &self,
        status: u16,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Observation, QueryError> {
        read::read(status, headers, body)
    }
}
