//! The dialect `huawei-elb` against requests that real clients signed, against its golden files, and against itself.

mod bad_input;
mod elbaas;
mod golden;
mod identity;
mod known_answers;
mod loopback;

use crate::support::{ids, lent};
use longrun_dialects::huawei_elb::HuaweiElb;
use longrun_dialects::{
    Credential, Dialect, Endpoint, Fault, Format, Frame, Question, Reply, Target,
};
use longrun_model::Operation;
use std::borrow::Cow;

const PROJECT: &str = "73cd9140bec7427ab9952b4ed75924e0";
const JOB: &str = "4010b39b4fd3d5ff014fd943bac41619";
const KEY: &str = "AKPOLLUXTEST00000001";
const SECRET: &str = "SkPolluxTestOnlyNotASecret000000000000001";
const ENDPOINT: Endpoint = Endpoint {
    scheme: "http",
    authority: "127.0.0.1:8080",
};

fn target(id: &str) -> Target<'_> {
    Target {
        id: Cow::Borrowed(id),
        project: Some(Cow::Borrowed(PROJECT)),
        ..Target::default()
    }
}

fn key(secret: &str) -> Credential<'_> {
    Credential::AccessKey {
        id: Cow::Borrowed(KEY),
        secret: Cow::Borrowed(secret),
        session_token: None,
    }
}

fn answer(outcome: Result<&Operation, &Fault>) -> Reply {
    let frame = Frame {
        action: "elb:jobs:get".into(),
        question: Question::Poll,
        format: Format::Json,
        host: "elb.example.com",
    };
    HuaweiElb.answer(&frame, &lent(&ids()), outcome)
}
