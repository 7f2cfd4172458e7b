//! The client half: what a job query brought back.
//!
//! Services differ in what they leave out and in what they write for nothing; missing, null and empty are alike here.
//! A refusal has one of five shapes, depending on which layer of the cloud wrote it.

use crate::{Observation, Observed, QueryError, Retry, Watched};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use longrun_model::{Failure, Json, Mix, ResourceStatus};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Reads the answer.
pub(super) fn read(
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Observation, QueryError> {
    let object = match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => object,
        Ok(_) | Err(_) => Object::new(),
    };
    // A status of HTTP that is good does not mean that the service could ask its own back end.
    if status == 200
        && let Some(word) = text(&object, "status")
    {
        return Ok(observation(&object, &word));
    }
    Err(query_error(status, headers, &object))
}

fn observation(job: &Object, word: &str) -> Observation {
    let nothing = Object::new();
    let entities = job
        .get("entities")
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    let resources: Vec<_> = sub_jobs(job, entities).filter_map(observed).collect();
    let mix = resources
        .iter()
        .map(|one| one.status.mix())
        .reduce(Mix::union);
    let state = watched(word, mix);
    let error = if matches!(state, Watched::Failed | Watched::Partial) {
        failure(job)
    } else {
        None
    };
    Observation {
        kind: text(job, "job_type"),
        state,
        resources,
        output: output(entities),
        message: text(job, "message").or_else(|| text(entities, "current_task")),
        error,
    }
}

/// How a job with this status stands, whose sub-jobs are `mix` together.
fn watched(word: &str, mix: Option<Mix>) -> Watched {
    match meaning(word) {
        Some(ResourceStatus::Pending) => Watched::Queued,
        Some(ResourceStatus::Running) => {
            Watched::Running(mix.map_or(Mix::UNFINISHED, |mix| mix.union(Mix::UNFINISHED)))
        }
        Some(ResourceStatus::Succeeded) => Watched::Succeeded,
        // A batch fails as a whole if one part does; its sub-jobs tell that others went well.
        Some(ResourceStatus::Failed | ResourceStatus::Cancelled) => {
            if mix.is_some_and(Mix::has_succeeded) {
                Watched::Partial
            } else {
                Watched::Failed
            }
        }
        None => Watched::Unclear(word.to_owned()),
    }
}

/// What a status means. Real clients compare without regard to case, so some service must once have needed it.
fn meaning(word: &str) -> Option<ResourceStatus> {
    match word.to_ascii_uppercase().as_str() {
        // The compute service waits for money, the volume service for its turn.
        "INIT" | "PENDING_PAYMENT" | "WAITING_EXECUTE" => Some(ResourceStatus::Pending),
        // The Open Telekom Cloud's page prints the second word once.
        "RUNNING" | "RUNNIGN" => Some(ResourceStatus::Running),
        "SUCCESS" => Some(ResourceStatus::Succeeded),
        "FAIL" => Some(ResourceStatus::Failed),
        _ => None,
    }
}

/// The keys under which services list sub-jobs: in `entities`, or by the load balancer's and the backup service's
/// documents beside it. Those call it a text; whatever is no list is passed over.
const SUB_JOBS: [&str; 2] = ["sub_jobs", "sub_jobs_result"];

fn sub_jobs<'a>(job: &'a Object, entities: &'a Object) -> impl Iterator<Item = &'a Object> {
    let lists = [entities, job]
        .into_iter()
        .flat_map(|owner| SUB_JOBS.map(|key| owner.get(key)));
    lists
        .filter_map(|list| list?.as_array())
        .flatten()
        .filter_map(Value::as_object)
}

fn observed(sub_job: &Object) -> Option<Observed> {
    let nothing = Object::new();
    let entities = sub_job
        .get("entities")
        .and_then(Value::as_object)
        .unwrap_or(&nothing);
    let status = text(sub_job, "status")
        .and_then(|word| meaning(&word))
        .unwrap_or(ResourceStatus::Pending);
    let error = (status == ResourceStatus::Failed)
        .then(|| failure(sub_job))
        .flatten();
    Some(Observed {
        kind: text(sub_job, "job_type"),
        id: resource_id(entities).or_else(|| text(sub_job, "job_id"))?,
        status,
        output: output(entities),
        error,
    })
}

/// The first of the ids in `entities`, whatever it is called: `server_id`, `volume_id`, `resource_id`.
fn resource_id(entities: &Object) -> Option<String> {
    let key = entities.keys().find(|key| key.ends_with("_id"))?;
    text(entities, key)
}

/// What the service says of the resource, without what is read from it apart.
fn output(entities: &Object) -> Option<Json> {
    let kept = |key: &String| !SUB_JOBS.contains(&key.as_str()) && key != "sub_jobs_total";
    let kept: Object = entities
        .iter()
        .filter(|(key, _)| kept(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    (!kept.is_empty()).then(|| Json::from_checked(Value::Object(kept).to_string()))
}

fn failure(job: &Object) -> Option<Failure> {
    let entities = job.get("entities").and_then(Value::as_object);
    let code = text(job, "error_code");
    let message = text(job, "fail_reason").or_else(|| text(entities?, "errorcode_message"));
    (code.is_some() || message.is_some())
        .then(|| Failure::new(code.unwrap_or_default(), message.unwrap_or_default()))
}

fn query_error(status: u16, headers: &HeaderMap, body: &Object) -> QueryError {
    let (code, message) = code_and_message(body);
    let code = code.unwrap_or_else(|| status.to_string());
    let message = message.unwrap_or_else(|| unsaid(status));
    let retry = retry(status, headers, &code, &message);
    QueryError {
        code,
        message,
        retry,
    }
}

/// The code and the message, in whichever of the five shapes they come.
fn code_and_message(body: &Object) -> (Option<String>, Option<String>) {
    // One level down: the services' `error`, the identity service's, and OpenStack's `badRequest` or `itemNotFound`.
    let inner = body.values().filter_map(Value::as_object);
    let said = |object: &Object| {
        let code = text(object, "error_code").or_else(|| text(object, "code"));
        let message = text(object, "error_msg").or_else(|| text(object, "message"));
        (code, message)
    };
    let one_level_down = inner
        .map(said)
        .find(|(code, message)| code.is_some() || message.is_some());
    match said(body) {
        (None, None) => one_level_down.unwrap_or_default(),
        found => found,
    }
}

fn unsaid(status: u16) -> String {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason());
    match (status, reason) {
        (200, _) => "the answer is no job".to_owned(),
        (_, Some(reason)) => reason.to_owned(),
        (_, None) => "the service gave no reason".to_owned(),
    }
}

fn retry(status: u16, headers: &HeaderMap, code: &str, message: &str) -> Retry {
    let again = Retry::Again {
        after_millis: retry_after(headers),
    };
    match status {
        // The codes of dedicated gateways begin with APIG, those of the shared one with APIGW.
        401 if message.contains("signature expired") => Retry::Clock,
        401 | 403 => Retry::Forbidden,
        404 if code.starts_with("APIG") => Retry::Never,
        404 | 410 => Retry::Unknown,
        200 | 408 | 429 | 500.. => again,
        _ => Retry::Never,
    }
}

fn retry_after(headers: &HeaderMap) -> Option<u64> {
    let seconds: u64 = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(seconds.saturating_mul(1_000))
}

/// The value of `key` as a text; numbers are codes in some services. Missing, null and empty are alike.
fn text(object: &Object, key: &str) -> Option<String> {
    match object.get(key)? {
        Value::String(text) => (!text.is_empty()).then(|| text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(body: &str) -> Observation {
        read(200, &HeaderMap::new(), body.as_bytes()).unwrap()
    }

    fn refused(status: u16, body: &str) -> QueryError {
        read(status, &HeaderMap::new(), body.as_bytes()).unwrap_err()
    }

    #[test]
    fn statuses_are_read_in_any_case() {
        let running = Watched::Running(Mix::UNFINISHED);
        for (word, expected) in [
            ("INIT", Watched::Queued),
            ("PENDING_PAYMENT", Watched::Queued),
            ("RUNNING", running.clone()),
            ("running", running.clone()),
            ("RUNNIGN", running),
            ("SUCCESS", Watched::Succeeded),
            ("Success", Watched::Succeeded),
            ("FAIL", Watched::Failed),
            ("LISTENING", Watched::Unclear("LISTENING".to_owned())),
        ] {
            let body = format!(r#"{{"status":"{word}","job_id":"1"}}"#);
            assert_eq!(job(&body).state, expected, "{word}");
        }
    }

    /// Missing, null and empty are the same, and so is whatever cannot be what it should be.
    #[test]
    fn nothing_is_written_in_many_ways() {
        for fields in [
            "",
            r#","entities":null,"error_code":null,"fail_reason":null"#,
            r#","entities":{},"error_code":"","fail_reason":"","sub_jobs":"""#,
            r#","entities":[],"sub_jobs":{},"message":null,"code":null"#,
            r#","entities":"{}","error_code":[],"sub_jobs":[null,1]"#,
        ] {
            let expected = Observation {
                kind: None,
                state: Watched::Failed,
                resources: Vec::new(),
                output: None,
                message: None,
                error: None,
            };
            assert_eq!(
                job(&format!(r#"{{"status":"FAIL"{fields}}}"#)),
                expected,
                "{fields}"
            );
        }
    }

    #[test]
    fn batches_list_their_resources() {
        let found = job(
            r#"{"status":"FAIL","error_code":"Ecs.0001","fail_reason":"one of two",
            "entities":{"protected_instance_id":"p","sub_jobs_total":3,"sub_jobs":[
                {"status":"SUCCESS","entities":{"server_id":"s-1"},"job_id":"j-1"},
                {"status":"FAIL","entities":{"errorcode_message":"no quota"},"job_id":"j-2","error_code":"Ecs.0219"},
                {"status":"FAIL"}]}}"#,
        );
        assert_eq!(found.state, Watched::Partial);
        assert_eq!(found.error, Some(Failure::new("Ecs.0001", "one of two")));
        assert_eq!(
            found.output,
            Some(Json::from_checked(r#"{"protected_instance_id":"p"}"#))
        );
        let [first, second] = found.resources.as_slice() else {
            panic!("one without any id is passed over: {:?}", found.resources);
        };
        assert_eq!(
            (first.id.as_str(), first.status),
            ("s-1", ResourceStatus::Succeeded)
        );
        assert_eq!(
            (second.id.as_str(), second.status),
            ("j-2", ResourceStatus::Failed)
        );
        assert_eq!(second.error, Some(Failure::new("Ecs.0219", "no quota")));
    }

    #[test]
    fn the_image_service_tells_what_it_does() {
        let found = job(
            r#"{"status":"RUNNING","entities":{"current_task":"copying","process_percent":40,
            "sub_jobs_result":[{"status":"SUCCESS","entities":{"image_id":"i-1"},"job_id":"j-1"}]}}"#,
        );
        assert_eq!(found.message.as_deref(), Some("copying"));
        assert_eq!(
            found.state,
            Watched::Running(Mix::SUCCEEDED.union(Mix::UNFINISHED))
        );
        assert_eq!(found.resources[0].id, "i-1");
    }

    const AGAIN: Retry = Retry::Again { after_millis: None };

    #[test]
    fn each_shape_of_an_error_is_read() {
        for (status, body, code, retry) in [
            (
                400,
                r#"{"error":{"message":"m","code":"ELB.1001"}}"#,
                "ELB.1001",
                Retry::Never,
            ),
            (
                404,
                r#"{"error":{"message":"m","code":"ELB.1002","x":[]}}"#,
                "ELB.1002",
                Retry::Unknown,
            ),
            (
                401,
                r#"{"error_msg":"m","error_code":"APIGW.0301"}"#,
                "APIGW.0301",
                Retry::Forbidden,
            ),
            (
                404,
                r#"{"error_msg":"m","error_code":"APIGW.0101"}"#,
                "APIGW.0101",
                Retry::Never,
            ),
            (
                403,
                r#"{"error":{"code":403,"message":"m","title":"F"}}"#,
                "403",
                Retry::Forbidden,
            ),
            (
                400,
                r#"{"badRequest":{"message":"m","code":400}}"#,
                "400",
                Retry::Never,
            ),
            (
                404,
                r#"{"itemNotFound":{"message":"m","code":404}}"#,
                "404",
                Retry::Unknown,
            ),
            (500, r#"{"message":"m","code":"c"}"#, "c", AGAIN),
            (
                200,
                r#"{"message":"m","code":"c","job_id":"1"}"#,
                "c",
                AGAIN,
            ),
        ] {
            let (code, message) = (code.to_owned(), "m".to_owned());
            assert_eq!(
                refused(status, body),
                QueryError {
                    code,
                    message,
                    retry
                },
                "{body}"
            );
        }
    }

    #[test]
    fn a_body_that_says_nothing_leaves_the_status() {
        for (status, body, message, retry) in [
            (503, "", "Service Unavailable", AGAIN),
            (504, "<html>", "Gateway Timeout", AGAIN),
            (429, "{}", "Too Many Requests", AGAIN),
            (404, "[]", "Not Found", Retry::Unknown),
            (302, "null", "Found", Retry::Never),
            (200, r#"{"status":"#, "the answer is no job", AGAIN),
            (999, "", "the service gave no reason", AGAIN),
        ] {
            let (code, message) = (status.to_string(), message.to_owned());
            assert_eq!(
                refused(status, body),
                QueryError {
                    code,
                    message,
                    retry
                },
                "{body}"
            );
        }
    }

    #[test]
    fn a_wrong_clock_and_a_pause_are_understood() {
        let body = r#"{"error_code":"APIG.0303","error_msg":"Incorrect app authentication information: signature expired, signature time:20230527T000431Z,server time:20230527T020608Z"}"#;
        assert_eq!(refused(401, body).retry, Retry::Clock);
        for (value, after_millis) in [
            ("2", Some(2_000)),
            ("soon", None),
            ("99999999999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
            let found = read(429, &headers, b"").unwrap_err();
            assert_eq!(found.retry, Retry::Again { after_millis }, "{value}");
        }
    }
}
