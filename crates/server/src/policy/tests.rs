use super::*;

const OPERATION: Ask = Ask {
    action: "bpstudio:GetExecuteOperationResult",
    region: "",
    account: "acme",
    relative: ("bpstudiovirtual", "op-1/2"),
    resource_group: Some("rg-1"),
    source_ip: Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 2, 3))),
    secure: true,
    now: Timestamp::from_millis(1_795_228_200_000), // 2026-11-21T02:30:00Z
};

/// What one statement that allows, with this inside, says to `ask`.
fn check(statement: &str, ask: &Ask) -> Decision {
    let text = format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow",{statement}}}]}}"#);
    let policy = Policy::read(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    policy.decide(ask)
}

fn allows(statement: &str, ask: &Ask) -> bool {
    check(statement, ask) == Decision::Allowed
}

#[test]
fn actions_are_matched() {
    for (actions, expected) in [
        (r#""Action":"*""#, true),
        (r#""Action":"*:*""#, true),
        (r#""Action":"bpstudio:*""#, true),
        (r#""Action":"bpstudio:Get*""#, true),
        (r#""Action":"bpstudio:get*result""#, true),
        (r#""Action":"BPSTUDIO:GETEXECUTEOPERATIONRESULT""#, true),
        (r#""Action":"bpstudio:GetExecuteOperationResul?""#, true),
        (r#""Action":"bpstudio:GetExecuteOperationResult?""#, false),
        (r#""Action":"bpstudio:GetExecuteOperationResult*""#, true),
        (r#""Action":"bpstudio:*Operation*Operation*""#, false),
        (r#""Action":"bpstudio:*e*e*e*t""#, true),
        (r#""Action":["ecs:*","bpstudio:Get*"]"#, true),
        (r#""Action":"ecs:*""#, false),
        (r#""NotAction":"ecs:*""#, true),
        (r#""NotAction":["ecs:*","bpstudio:Get*"]"#, false),
    ] {
        assert_eq!(
            allows(&format!(r#"{actions},"Resource":"*""#), &OPERATION),
            expected,
            "{actions}"
        );
    }
}

#[test]
fn resources_are_matched_part_by_part() {
    let eu = Ask {
        region: "eu-1",
        ..OPERATION
    };
    for (resource, ask, expected) in [
        (r#""*""#, &OPERATION, true),
        (
            r#""acs:bpstudio::acme:bpstudiovirtual/op-1/2""#,
            &OPERATION,
            true,
        ),
        (
            r#""acs:bpstudio:*:acme:bpstudiovirtual/*""#,
            &OPERATION,
            true,
        ),
        (r#""acs:bpstudio::acme:bpstudiovirtual/*""#, &eu, false),
        (r#""acs:bpstudio:eu-?:*:*""#, &eu, true),
        (r#""acs:*:*:*:*""#, &eu, true),
        (
            r#""acs:bpstudio:*:acme:BPStudioVirtual/*""#,
            &OPERATION,
            false,
        ),
        (r#""acs:bpstudio:*:other:*""#, &OPERATION, false),
        (r#""acs:ecs:*:acme:*""#, &OPERATION, false),
        // A wildcard in one part does not run over into the next.
        (r#""acs:bp*:bpstudiovirtual/op-1/2""#, &OPERATION, false),
        (
            r#"["acs:ecs:*:*:*","acs:bpstudio:*:*:*/2"]"#,
            &OPERATION,
            true,
        ),
    ] {
        let statement = format!(r#""Action":"*","Resource":{resource}"#);
        let found = if resource.matches(':').count() < 4 && resource != r#""*""# {
            let text =
                format!(r#"{{"Version":"1","Statement":[{{"Effect":"Allow",{statement}}}]}}"#);
            Policy::read(&text).is_ok()
        } else {
            allows(&statement, ask)
        };
        assert_eq!(found, expected, "{resource}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
fn conditions_hold_or_do_not() {
    for (condition, expected) in [
        (
            r#"{"StringEquals":{"acs:ResourceGroupId":["rg-0","rg-1"]}}"#,
            true,
        ),
        (r#"{"StringEquals":{"acs:resourcegroupid":"rg-1"}}"#, true),
        (r#"{"StringEquals":{"acs:ResourceGroupId":"RG-1"}}"#, false),
        (r#"{"StringEquals":{"acs:ResourceGroupId":"rg-*"}}"#, false),
        (
            r#"{"StringNotEquals":{"acs:ResourceGroupId":"rg-1"}}"#,
            false,
        ),
        (
            r#"{"StringNotEquals":{"acs:ResourceGroupId":["rg-0","rg-1"]}}"#,
            false,
        ),
        (
            r#"{"StringNotEquals":{"acs:ResourceGroupId":"rg-0"}}"#,
            true,
        ),
        (
            r#"{"StringEqualsIgnoreCase":{"acs:ResourceGroupId":"RG-1"}}"#,
            true,
        ),
        (
            r#"{"StringNotEqualsIgnoreCase":{"acs:ResourceGroupId":"RG-1"}}"#,
            false,
        ),
        (r#"{"StringLike":{"acs:ResourceGroupId":"rg-?"}}"#, true),
        (r#"{"StringNotLike":{"acs:ResourceGroupId":"rg-*"}}"#, false),
        (r#"{"Bool":{"acs:SecureTransport":"true"}}"#, true),
        (r#"{"Bool":{"acs:SecureTransport":true}}"#, true),
        (r#"{"Bool":{"acs:SecureTransport":false}}"#, false),
        (
            r#"{"IpAddress":{"acs:SourceIp":["192.168.0.0/16","10.0.0.0/8"]}}"#,
            true,
        ),
        (r#"{"IpAddress":{"acs:SourceIp":"10.1.2.3"}}"#, true),
        (r#"{"IpAddress":{"acs:SourceIp":"0.0.0.0/0"}}"#, true),
        (r#"{"IpAddress":{"acs:SourceIp":"::/0"}}"#, false),
        (r#"{"NotIpAddress":{"acs:SourceIp":"10.1.2.0/24"}}"#, false),
        (r#"{"NotIpAddress":{"acs:SourceIp":"10.1.3.0/24"}}"#, true),
        (
            r#"{"DateLessThan":{"acs:CurrentTime":"2026-11-21T02:30:01Z"}}"#,
            true,
        ),
        (
            r#"{"DateLessThan":{"acs:CurrentTime":"2026-11-21T02:30:00Z"}}"#,
            false,
        ),
        (
            r#"{"DateLessThanEquals":{"acs:CurrentTime":"2026-11-21T10:30:00+08:00"}}"#,
            true,
        ),
        (
            r#"{"DateGreaterThan":{"acs:CurrentTime":"2026-11-21T02:29:59Z"}}"#,
            true,
        ),
        (
            r#"{"DateGreaterThanEquals":{"acs:CurrentTime":"2026-11-21T02:30:01Z"}}"#,
            false,
        ),
        (
            r#"{"DateEquals":{"acs:CurrentTime":"2026-11-21T02:30:00Z"}}"#,
            true,
        ),
        (
            r#"{"DateNotEquals":{"acs:CurrentTime":"2026-11-21T02:30:00Z"}}"#,
            false,
        ),
        // All operators and all keys must hold.
        (
            r#"{"StringEquals":{"acs:ResourceGroupId":"rg-1"},"Bool":{"acs:SecureTransport":false}}"#,
            false,
        ),
        (
            r#"{"StringLike":{"acs:ResourceGroupId":"rg-1","acs:SourceIp":"11.*"}}"#,
            false,
        ),
        (
            r#"{"StringLike":{"acs:ResourceGroupId":"rg-1","acs:SourceIp":"10.*"}}"#,
            true,
        ),
        // The same operator twice counts twice.
        (
            r#"{"StringLike":{"acs:ResourceGroupId":"x"},"StringLike":{"acs:SourceIp":"10.*"}}"#,
            false,
        ),
        // Keys that a request does not have: positive operators fail, negated ones hold.
        (r#"{"StringEquals":{"acs:MFAPresent":"true"}}"#, false),
        (r#"{"StringNotEquals":{"acs:MFAPresent":"true"}}"#, true),
        (r#"{"NumericLessThan":{"acs:Weight":7}}"#, false),
        (r#"{"NumericNotEquals":{"acs:Weight":"7.5"}}"#, true),
        // A key that cannot be compared so.
        (r#"{"NumericLessThan":{"acs:SecureTransport":7}}"#, false),
        ("{}", true),
    ] {
        let statement = format!(r#""Action":"*","Resource":"*","Condition":{condition}"#);
        assert_eq!(allows(&statement, &OPERATION), expected, "{condition}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "most of it is a table")]
fn numbers_and_addresses_are_compared() {
    let mapped = "::ffff:10.1.2.3".parse().unwrap();
    let six = "2001:db8::7".parse().unwrap();
    for (ask, condition, expected) in [
        (
            Ask {
                resource_group: Some("7"),
                ..OPERATION
            },
            r#"{"NumericLessThanEquals":{"acs:ResourceGroupId":7}}"#,
            true,
        ),
        (
            Ask {
                resource_group: Some("7"),
                ..OPERATION
            },
            r#"{"NumericGreaterThan":{"acs:ResourceGroupId":"7"}}"#,
            false,
        ),
        (
            Ask {
                resource_group: Some("7"),
                ..OPERATION
            },
            r#"{"NumericEquals":{"acs:ResourceGroupId":7.0}}"#,
            true,
        ),
        (
            Ask {
                resource_group: None,
                ..OPERATION
            },
            r#"{"StringLike":{"acs:ResourceGroupId":"*"}}"#,
            false,
        ),
        (
            Ask {
                source_ip: None,
                ..OPERATION
            },
            r#"{"NotIpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#,
            true,
        ),
        (
            Ask {
                source_ip: Some(mapped),
                ..OPERATION
            },
            r#"{"IpAddress":{"acs:SourceIp":"10.0.0.0/8"}}"#,
            true,
        ),
        (
            Ask {
                source_ip: Some(six),
                ..OPERATION
            },
            r#"{"IpAddress":{"acs:SourceIp":"2001:db8::/32"}}"#,
            true,
        ),
        (
            Ask {
                source_ip: Some(six),
                ..OPERATION
            },
            r#"{"IpAddress":{"acs:SourceIp":"2001:db9::/32"}}"#,
            false,
        ),
        (
            Ask {
                source_ip: Some(six),
                ..OPERATION
            },
            r#"{"IpAddress":{"acs:SourceIp":"2001:db8::6/127"}}"#,
            true,
        ),
    ] {
        let statement = format!(r#""Action":"*","Resource":"*","Condition":{condition}"#);
        assert_eq!(allows(&statement, &ask), expected, "{condition} {ask:?}");
    }
}

#[test]
fn a_denial_outweighs() {
    let allow = r#"{"Effect":"Allow","Action":"*","Resource":"*"}"#;
    let deny = r#"{"Effect":"Deny","Action":"bpstudio:Get*","Resource":"*"}"#;
    let deny_other = r#"{"Effect":"Deny","Action":"bpstudio:Put*","Resource":"*"}"#;
    for (statements, expected) in [
        (String::new(), Decision::DeniedImplicitly),
        (deny_other.to_owned(), Decision::DeniedImplicitly),
        (allow.to_owned(), Decision::Allowed),
        (format!("{allow},{deny_other}"), Decision::Allowed),
        (format!("{allow},{deny}"), Decision::DeniedExplicitly),
        (format!("{deny},{allow}"), Decision::DeniedExplicitly),
        (deny.to_owned(), Decision::DeniedExplicitly),
    ] {
        let text = format!(r#"{{"Version":"1","Statement":[{statements}]}}"#);
        assert_eq!(
            Policy::read(&text).unwrap().decide(&OPERATION),
            expected,
            "{statements}"
        );
    }
    assert_eq!(
        Policy::default().decide(&OPERATION),
        Decision::DeniedImplicitly
    );
}

#[test]
fn what_cannot_be_understood_is_refused_when_it_is_loaded() {
    let statement = |inside: &str| format!(r#"{{"Version":"1","Statement":[{{{inside}}}]}}"#);
    let with = |condition: &str| {
        statement(&format!(
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}"#
        ))
    };
    for text in [
        String::new(),
        "{}".to_owned(),
        r#"{"Version":"2","Statement":[]}"#.to_owned(),
        r#"{"Version":"1"}"#.to_owned(),
        r#"{"Version":"1","Statement":[],"Extra":1}"#.to_owned(),
        statement(r#""Effect":"allow","Action":"*","Resource":"*""#),
        statement(r#""Effect":"Allow","Resource":"*""#),
        statement(r#""Effect":"Allow","Action":"*""#),
        statement(r#""Effect":"Allow","Action":[],"Resource":"*""#),
        statement(r#""Effect":"Allow","Action":"*","Resource":[]"#),
        statement(r#""Effect":"Allow","Action":"*","NotAction":"*","Resource":"*""#),
        statement(r#""Effect":"Allow","Action":"Get","Resource":"*""#),
        statement(r#""Effect":"Allow","Action":"*","Resource":"acs:ecs:*""#),
        statement(r#""Effect":"Allow","Action":"*","Resource":"arn:ecs:::x""#),
        statement(r#""Effect":"Allow","Action":"*","Resource":"*","Resource":"*""#),
        statement(r#""Effect":"Allow","Action":"*","Resource":"*","NotResource":"*""#),
        with(r#"{"StringMatches":{"acs:SourceIp":"x"}}"#),
        with(r#"{"NotStringEquals":{"acs:SourceIp":"x"}}"#),
        with(r#"{"DateNotLessThan":{"acs:CurrentTime":"2026-11-21T02:30:00Z"}}"#),
        with(r#"{"DateLessThan":{"acs:CurrentTime":"yesterday"}}"#),
        with(r#"{"Bool":{"acs:SecureTransport":"yes"}}"#),
        with(r#"{"IpAddress":{"acs:SourceIp":"10.0.0.0/33"}}"#),
        with(r#"{"IpAddress":{"acs:SourceIp":"ten"}}"#),
        with(r#"{"NumericEquals":{"acs:SourceIp":"seven"}}"#),
        with(r#"{"StringEquals":{"acs:SourceIp":[]}}"#),
        with(r#"{"StringEquals":{"acs:SourceIp":{}}}"#),
        with(r#"{"StringEquals":{"acs:SourceIp":null}}"#),
        with(r#"{"StringEquals":{}}"#),
        with(r#"{"StringEquals":"x"}"#),
        format!(r#"{{"Version":"1","Statement":{}}}"#, "[".repeat(10_000)),
        with(&format!(
            r#"{{"StringEquals":{{"x":"{}"}}}}"#,
            "y".repeat(limits::PAYLOAD_BYTES_MAX)
        )),
    ] {
        assert!(Policy::read(&text).is_err(), "{text}");
    }
}
