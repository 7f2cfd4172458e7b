//! Every dialect, seen from outside: requests as they come in, answers as they go out.

#![expect(
    clippy::unwrap_used,
    reason = "this is a program of tests, and clippy takes what tests share for no test"
)]

mod alibaba;
mod catalogue;
mod forward;
mod huawei;
mod support;
mod tencent;
mod tencent3;
