//! Calls that are written anew for an upstream: our own server half accepts them under the upstream's key, they ask for
//! the same, and nothing of the caller's proof is left in them.

use http::{HeaderMap, HeaderName, Method};
use longrun_dialects::{
    Action, Credential, Dialect, Endpoint, Fault, Identity, Options, Question, Request, SignError,
    Signer, Target, Wish, named,
};
use longrun_model::Timestamp;

const NOW: Timestamp = Timestamp::from_seconds(1_795_226_474);
const PROJECT: &str = "0123456789abcdef0123456789abcdef";
const OWN_PROJECT: &str = "73cd9140bec7427ab9952b4ed75924e0";
const SECRET: &str = "SecretOfTheUpstream";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");
const TENCENT_PROOF: &str = "SecretId=CALLER&Nonce=7&Timestamp=1795226472&SignatureMethod=HmacSHA1\
                             &Signature=CALLERS&Token=CALLERTOKEN";
const ALIBABA_PROOF: &str = "AccessKeyId=CALLER&SignatureNonce=CALLERNONCE&SignatureVersion=1.0\
                             &SignatureMethod=HMAC-SHA1&Timestamp=2026-11-21T02:02:06Z\
                             &Signature=CALLERS&SecurityToken=CALLERTOKEN";

/// A call as it came from a caller.
struct Sent {
    dialect: &'static str,
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    body: String,
}

impl Sent {
    fn new(dialect: &'static str, method: Method, path: &str) -> Self {
        let headers = HeaderMap::from_iter([(http::header::HOST, "gateway".parse().unwrap())]);
        Self {
            dialect,
            method,
            path: path.to_owned(),
            query: String::new(),
            headers,
            body: String::new(),
        }
    }

    fn query(mut self, query: String) -> Self {
        self.query = query;
        self
    }

    fn body(mut self, body: &str) -> Self {
        body.clone_into(&mut self.body);
        self
    }

    fn headers(mut self, headers: &[(&'static str, &str)]) -> Self {
        for (name, value) in headers {
            let name = HeaderName::from_static(name);
            self.headers.insert(name, value.parse().unwrap());
        }
        self
    }

    fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            body: self.body.as_bytes(),
        }
    }

    fn dialect(&self) -> &'static dyn Dialect {
        named(self.dialect).unwrap()
    }

    fn forwarded(&self, target: &Target) -> Result<http::Request<Vec<u8>>, SignError> {
        let endpoint = Endpoint {
            scheme: "https",
            authority: "cloud.example:8443",
        };
        let credential = Credential::AccessKey {
            id: "UPSTREAM".into(),
            secret: SECRET.into(),
            session_token: None,
        };
        let request = self.request();
        self.dialect().forward(
            &request,
            target,
            &Signer::new(&endpoint, &credential, NOW, 11),
        )
    }
}

fn own() -> Target<'static> {
    Target {
        project: Some(OWN_PROJECT.into()),
        region: Some("ap-guangzhou".into()),
        ..Target::default()
    }
}

fn tc3(dialect: &'static str, method: Method, action: &str, version: &str) -> Sent {
    Sent::new(dialect, method, "/").headers(&[
        JSON,
        (
            "authorization",
            "TC3-HMAC-SHA256 Credential=CALLER/2026-11-21/bm/tc3_request, SignedHeaders=host, Signature=CALLERS",
        ),
        ("x-tc-action", action),
        ("x-tc-version", version),
        ("x-tc-timestamp", "1795226472"),
        ("x-tc-token", "CALLERTOKEN"),
        ("x-tc-language", "en-US"),
    ])
}

fn tencent_calls() -> Vec<(Sent, &'static str)> {
    let path = "/v2/index.php";
    let reboot = "Action=RebootDevice&instanceIds.0=cpm-1&instanceIds.1=cpm-2";
    let template = "Action=DeleteAddress&addressId=ipm-1";
    vec![
        (
            Sent::new("tencent-bm", Method::GET, path).query(format!("{reboot}&{TENCENT_PROOF}")),
            "cpm-1 cpm-2",
        ),
        (
            Sent::new("tencent-bm", Method::POST, path)
                .headers(&[FORM])
                .body(&format!("{reboot}&{TENCENT_PROOF}")),
            "cpm-1 cpm-2",
        ),
        (
            Sent::new("tencent-vpc", Method::GET, path)
                .query(format!("{template}&{TENCENT_PROOF}")),
            "ipm-1",
        ),
        (
            tc3("tencent-bm3", Method::POST, "RebootDevices", "2018-04-23")
                .body(r#"{"InstanceIds":["cpm-1"]}"#),
            "cpm-1",
        ),
        (
            tc3("tencent-bm3", Method::GET, "RebootDevices", "2018-04-23")
                .headers(&[FORM])
                .query("InstanceIds.0=cpm-1".to_owned()),
            "cpm-1",
        ),
        (
            Sent::new("tencent-bm3", Method::POST, "/")
                .headers(&[FORM])
                .body(&format!(
                    "Action=RebootDevices&Version=2018-04-23&InstanceIds.0=cpm-1&{TENCENT_PROOF}"
                )),
            "cpm-1",
        ),
        (
            tc3(
                "tencent-vpc3",
                Method::POST,
                "ReleaseAddresses",
                "2017-03-12",
            )
            .body(r#"{"AddressIds":["eip-1"]}"#),
            "eip-1",
        ),
    ]
}

fn other_calls() -> Vec<(Sent, &'static str)> {
    let operate = "ServiceType=ecs&Operation=restart&Attributes=%7B%22instanceId%22%3A%22i-1%22%7D";
    let v1 = format!("Action=ExecuteOperationASync&Version=2021-09-31&Format=JSON&{ALIBABA_PROOF}");
    let members = format!("/v1.0/{PROJECT}/elbaas/loadbalancers/{OWN_PROJECT}");
    vec![
        (
            Sent::new("alibaba-bpstudio", Method::GET, "/").query(format!("{v1}&{operate}")),
            "i-1",
        ),
        (
            Sent::new("alibaba-bpstudio", Method::POST, "/")
                .headers(&[FORM])
                .query(v1)
                .body(operate),
            "i-1",
        ),
        (
            Sent::new("alibaba-bpstudio", Method::POST, "/")
                .headers(&[
                    FORM,
                    (
                        "authorization",
                        "ACS3-HMAC-SHA256 Credential=CALLER,SignedHeaders=host,Signature=CALLERS",
                    ),
                    ("x-acs-action", "ExecuteOperationASync"),
                    ("x-acs-version", "2021-09-31"),
                    ("x-acs-signature-nonce", "CALLERNONCE"),
                    ("x-acs-security-token", "CALLERTOKEN"),
                ])
                .body(operate),
            "i-1",
        ),
        (
            Sent::new("huawei-elb", Method::DELETE, &members)
                .headers(&[("x-auth-token", "CALLERTOKEN")])
                .query("a=b%20c&a=1".to_owned()),
            OWN_PROJECT,
        ),
    ]
}

#[test]
fn a_forwarded_call_asks_the_same_under_the_upstreams_key() {
    for (sent, resources) in tencent_calls().into_iter().chain(other_calls()) {
        let label = format!("{} {} {}", sent.dialect, sent.method, sent.query);
        let written = sent.forwarded(&own()).unwrap();
        assert!(!format!("{written:?}").contains("CALLER"), "{label}");
        assert!(!String::from_utf8_lossy(written.body()).contains("CALLER"));
        assert_eq!(written.method(), sent.method, "{label}");
        let options = Options::default();
        let request = Request {
            method: written.method(),
            path: written.uri().path(),
            query: written.uri().query().unwrap_or_default(),
            headers: written.headers(),
            body: written.body(),
        };
        let dialect = longrun_dialects::find(&request, &options).unwrap();
        assert_eq!(dialect.name(), sent.dialect, "{label}");
        let call = dialect.parse(&request, &options);
        let claim = call.claim.unwrap();
        assert_eq!(
            claim.identity,
            Identity::AccessKey("UPSTREAM".into()),
            "{label}"
        );
        assert_eq!(claim.session_token, None, "{label}");
        let project = (sent.dialect == "huawei-elb").then_some(OWN_PROJECT);
        assert_eq!(claim.project.as_deref(), project, "{label}");
        let proof = claim.proof.unwrap();
        assert_eq!(
            dialect.verify(&proof, SECRET.as_bytes(), NOW),
            Ok(()),
            "{label}"
        );
        let wrong = dialect.verify(&proof, b"another", NOW);
        assert!(matches!(wrong, Err(Fault::BadSignature { .. })), "{label}");
        let (Wish::Submit(order) | Wish::Manage(order)) = call.wish.unwrap() else {
            panic!("{label} is a poll now");
        };
        let own = sent
            .dialect()
            .parse(&sent.request(), &options)
            .wish
            .unwrap();
        let (Wish::Submit(asked) | Wish::Manage(asked)) = own else {
            panic!("{label} was a poll");
        };
        // A project in the path is the only thing that changes.
        if sent.dialect != "huawei-elb" {
            assert_eq!(order.input, asked.input, "{label}");
        }
        let ids: Vec<_> = order.resources.iter().map(|it| it.id.as_str()).collect();
        let is_tencent = sent.dialect.starts_with("tencent");
        let region = is_tencent.then_some("ap-guangzhou");
        assert_eq!(order.region.as_deref(), region, "{label}");
        assert_eq!(order.resources, asked.resources, "{label}");
        assert!(
            ids.is_empty() || ids.join(" ") == resources,
            "{label}: {ids:?}"
        );
    }
}

#[test]
fn a_call_about_another_region_is_not_forwarded() {
    let query = "Action=RebootDevice&instanceIds.0=cpm-1&Region=ap-shanghai".to_owned();
    let old = Sent::new("tencent-bm", Method::GET, "/v2/index.php").query(query);
    let new = tc3("tencent-bm3", Method::POST, "RebootDevices", "2018-04-23")
        .headers(&[("x-tc-region", "ap-shanghai")]);
    for sent in [old, new] {
        let expected = Err(SignError::OtherRegion("ap-shanghai".to_owned()));
        assert_eq!(sent.forwarded(&own()).map(|_| ()), expected);
        assert!(sent.forwarded(&Target::default()).is_ok());
    }
}

#[test]
fn actions_that_are_not_served_have_a_name_for_policies() {
    let huawei =
        |method, rest: &str| Sent::new("huawei-elb", method, &format!("/v1.0/{PROJECT}/{rest}"));
    let unknown = |name: &str| Fault::UnknownAction(name.to_owned());
    for (sent, fault, expected) in [
        (
            Sent::new("tencent-bm", Method::GET, "/v2/index.php"),
            unknown("BuyDevice"),
            Some("bm:BuyDevice"),
        ),
        (
            tc3("tencent-bm3", Method::POST, "X", "2018-04-23"),
            unknown("X"),
            Some("bm:X"),
        ),
        (
            tc3("tencent-bm3", Method::POST, "X", "2017-03-12"),
            unknown("X"),
            None,
        ),
        (
            Sent::new("alibaba-bpstudio", Method::POST, "/"),
            unknown("DeployApplication"),
            Some("bpstudio:DeployApplication"),
        ),
        (
            Sent::new("alibaba-bpstudio", Method::POST, "/"),
            Fault::NotFound,
            None,
        ),
        (
            Sent::new("alibaba-bpstudio", Method::POST, "/"),
            unknown(&"a".repeat(64)),
            None,
        ),
        (
            huawei(Method::POST, "elbaas/whitelists"),
            Fault::UnknownPath,
            Some("elb:elbaas:whitelists:create"),
        ),
        (
            huawei(Method::PUT, "elbaas/whitelists/0a1b"),
            Fault::UnknownMethod,
            Some("elb:elbaas:whitelists:put"),
        ),
        (
            huawei(Method::POST, "elbaas/white%6cists"),
            Fault::UnknownPath,
            None,
        ),
        (
            huawei(Method::POST, "elbaas/../x"),
            Fault::UnknownPath,
            None,
        ),
        (
            huawei(Method::POST, "jobs/0a1b"),
            Fault::UnknownMethod,
            None,
        ),
    ] {
        let found = sent.dialect().unserved(&sent.request(), &fault);
        assert_eq!(found.as_deref(), expected, "{} {fault}", sent.path);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "it is one table")]
fn answers_to_submissions_name_their_tasks() {
    let options = Options::default();
    let known = |dialect: &str, name: &str| {
        let action: &std::sync::Arc<Action> = options.catalogue.find(dialect, name).unwrap();
        Question::Submit(std::sync::Arc::clone(action))
    };
    let poll = || Question::Poll;
    let eip = || known("tencent-vpc3", "ReleaseAddresses");
    let request_id = "7d4ae4a5-1b5f-4d7c-8d0b-0d3c0f0a4d11";
    let by_request = format!(r#"{{"Response":{{"RequestId":"{request_id}"}}}}"#);
    let by_request = by_request.as_str();
    let gateway = || known("tencent-vpc3", "CreateAddressTemplate");
    let execute = || known("alibaba-bpstudio", "ExecuteOperationASync");
    let at_once = || known("alibaba-bpstudio", "ExecuteOperationSync");
    let task = r#"{"code":0,"message":"","data":{"taskId":297}}"#;
    for (dialect, question, status, body, expected) in [
        ("tencent-bm", poll(), 200, task, Some("297")),
        ("tencent-vpc", poll(), 200, task, Some("297")),
        (
            "tencent-bm",
            poll(),
            200,
            r#"{"code":0,"data":{"taskId":"12"}}"#,
            Some("12"),
        ),
        (
            "tencent-bm",
            poll(),
            200,
            r#"{"code":4000,"message":"(9003)x","data":{"taskId":1}}"#,
            None,
        ),
        ("tencent-bm", poll(), 200, r#"{"code":0,"data":[]}"#, None),
        (
            "tencent-bm3",
            poll(),
            200,
            r#"{"Response":{"TaskId":5,"RequestId":"x"}}"#,
            Some("5"),
        ),
        ("tencent-bm3", poll(), 200, by_request, None),
        (
            "tencent-vpc3",
            eip(),
            200,
            r#"{"Response":{"TaskId":"5","RequestId":"x"}}"#,
            Some("5"),
        ),
        (
            "tencent-vpc3",
            gateway(),
            200,
            r#"{"Response":{"Error":{"Code":"X","Message":""},"RequestId":"x"}}"#,
            None,
        ),
        ("tencent-vpc3", poll(), 200, by_request, None),
        (
            "alibaba-bpstudio",
            execute(),
            200,
            r#"{"Code":200,"Data":"op-1"}"#,
            Some("op-1"),
        ),
        (
            "alibaba-bpstudio",
            execute(),
            200,
            "<R><Data>op-1</Data></R>",
            Some("op-1"),
        ),
        (
            "alibaba-bpstudio",
            poll(),
            200,
            r#"{"Code":200,"Data":"app-1"}"#,
            None,
        ),
        (
            "alibaba-bpstudio",
            at_once(),
            200,
            r#"{"Data":{"OperationId":"op-2"}}"#,
            Some("op-2"),
        ),
        (
            "alibaba-bpstudio",
            execute(),
            400,
            r#"{"Code":"X","Data":"op-1"}"#,
            None,
        ),
        (
            "huawei-elb",
            poll(),
            200,
            r#"{"uri":"/v1/p/jobs/0a","job_id":"0a"}"#,
            Some("0a"),
        ),
        ("huawei-elb", poll(), 404, r#"{"job_id":"0a"}"#, None),
        ("huawei-elb", poll(), 200, r#"{"job_id":"../x"}"#, None),
        ("huawei-elb", poll(), 204, "", None),
    ] {
        let headers = HeaderMap::new();
        let dialect = named(dialect).unwrap();
        let found = dialect.submitted(&question, status, &headers, body.as_bytes());
        assert_eq!(found.as_deref(), expected, "{} {body}", dialect.name());
    }
    // In the third version most is asked for by the id of the request.
    let vpc3 = named("tencent-vpc3").unwrap();
    let headers = HeaderMap::new();
    for (name, expected) in [
        ("DeleteHaVip", Some("7d4ae4a51b5f4d7c8d0b0d3c0f0a4d11")),
        (
            "ModifyAddressTemplateAttribute",
            Some("7d4ae4a51b5f4d7c8d0b0d3c0f0a4d11"),
        ),
        ("CreateAddressTemplate", None),
        ("DescribeAddressTemplates", None),
    ] {
        let question = known("tencent-vpc3", name);
        let found = vpc3.submitted(&question, 200, &headers, by_request.as_bytes());
        assert_eq!(found.as_deref(), expected, "{name}");
    }
}
