"""Signatures of requests, made by botocore and verified here: nothing that is signed can be changed."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from stepwell.adapters.server.sigv4 import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    NotVerified,
    Scope,
    UnrecognizedClientException,
    Verifier,
    scope_of,
)

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime(2024, 2, 29, 12, 0, 0, tzinfo=UTC)
SENT = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "AWSStepFunctions.ListStateMachines"}
DATE = NOW.strftime("%Y%m%dT%H%M%SZ")


class Request:
    """What arrives of a request that botocore has signed."""

    def __init__(self, headers=SENT, body=b"{}", *, method="POST", path="/", query="", **about):
        self.method, self.path, self.query, self.body = method, path, query, body
        url = f"http://localhost:8083{path}" + (f"?{query}" if query else "")
        request = AWSRequest(method, url, headers=dict(headers), data=body)
        key, secret, token = about.get("key", KEY), about.get("secret", SECRET), about.get("token")
        signer = SigV4Auth(
            Credentials(key, secret, token), about.get("service", "states"), about.get("region", "eu-west-1")
        )
        at = about.get("at", NOW).replace(tzinfo=None)
        with patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: at):
            signer.add_auth(request)
        self.headers = {"host": "localhost:8083"} | {name.lower(): value for name, value in request.headers.items()}

    def verified(self, now=NOW, keys=None):
        given = Verifier({KEY: SECRET} if keys is None else keys)
        return given.verify(self.method, self.path, self.query, self.headers, self.body, now.timestamp())

    def refusal(self, error=InvalidSignatureException, **about):
        with pytest.raises(error) as refused:
            self.verified(**about)
        assert type(refused.value) is error
        return str(refused.value)

    def with_authorization(self, old, new):
        changed = self.headers["authorization"].replace(old, new)
        assert changed != self.headers["authorization"]
        self.headers["authorization"] = changed
        return self


def test_a_signed_request_says_as_whom_and_where_it_is_made():
    assert Request().verified() == Scope(access_key=KEY, region="eu-west-1")


# --- whatever is signed -----------------------------------------------------------------------------------------------

TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
EXTRA = st.dictionaries(st.from_regex(r"x-(amz-)?[a-z]{1,8}", fullmatch=True), VALUES, max_size=3).map(
    lambda extra: {name: value for name, value in extra.items() if name != "x-amz-date"}
)
SEGMENTS = st.lists(st.text("ab.~%20-_", max_size=5), max_size=4).map(lambda parts: "/" + "/".join(parts))
QUERIES = st.lists(st.tuples(st.text("ab%20", min_size=1, max_size=3), st.text("xy=", max_size=3)), max_size=3).map(
    lambda pairs: "&".join(f"{name}={value}" for name, value in pairs)
)


@st.composite
def signed_requests(draw):
    return Request(
        SENT | draw(EXTRA),
        draw(st.binary(max_size=100)),
        method=draw(st.sampled_from(("POST", "GET", "PUT"))),
        path=draw(SEGMENTS),
        query=draw(QUERIES),
        key=KEY,
        region=draw(st.sampled_from(("us-east-1", "eu-west-1", "local"))),
        at=NOW + timedelta(seconds=draw(st.integers(-300, 300))),
    )


@given(signed_requests())
def test_whatever_botocore_signs_is_verified(request):
    assert request.verified().access_key == KEY


def is_spelled_otherwise_only(one, other):
    return " ".join(one.split()) == " ".join(other.split())


@given(signed_requests(), st.data())
def test_whatever_is_changed_is_not(request, data):
    signed = request.headers["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    what = data.draw(st.sampled_from(("method", "path", "query", "body", "secret", "signature", *signed)))
    keys = None
    match what:
        case "method":
            request.method += "X"
        case "path":
            request.path += "/x" + data.draw(st.text("ab", max_size=3))
        case "query":
            request.query += "&x=" + data.draw(st.text("ab", max_size=3))
        case "body":
            position = data.draw(st.integers(0, len(request.body)))
            request.body = request.body[:position] + data.draw(st.binary(min_size=1)) + request.body[position:]
        case "secret":
            keys = {KEY: SECRET + data.draw(TEXT)}
        case "signature":
            digits = request.headers["authorization"]
            position = -data.draw(st.integers(1, 64))
            digit = "0" if digits[position] != "0" else "1"
            request.headers["authorization"] = (
                digits[:position] + digit + (digits[position + 1 :] if position + 1 else "")
            )
        case header:
            value = data.draw(VALUES)
            if is_spelled_otherwise_only(value, request.headers[header]):
                return
            request.headers[header] = value

    with pytest.raises(NotVerified):
        request.verified(keys=keys)


@given(
    st.dictionaries(
        st.sampled_from(("authorization", "host", "x-amz-date", "date", "x-amz-security-token")), st.text()
    ),
    st.text(),
    st.text(),
    st.binary(),
)
def test_whatever_comes_is_refused_in_words(headers, method, path, body):
    with pytest.raises(NotVerified) as refused:
        Verifier({KEY: SECRET}).verify(method, path, path, headers, body, NOW.timestamp())

    assert str(refused.value)
    assert refused.value.status in (400, 403)
    scope_of(headers)


@given(st.text(), st.text(), st.text("0123456789T", max_size=16))
def test_so_is_a_header_that_looks_like_a_signature(credential, rest, date):
    said = f"Credential={credential}/{rest}, SignedHeaders={rest}, Signature={credential}"
    headers = {"authorization": f"AWS4-HMAC-SHA256 {said}", "x-amz-date": f"{date}Z"}
    with pytest.raises(NotVerified):
        Verifier({KEY: SECRET}).verify("POST", "/", "", headers, b"", NOW.timestamp())


# --- headers ----------------------------------------------------------------------------------------------------------


def test_a_header_that_is_sent_twice_is_signed_as_one():
    sent = HTTPHeaders()
    for name, value in [*SENT.items(), ("X-Twice", "a  b"), ("X-Twice", "c")]:
        sent[name] = value
    request = AWSRequest("POST", "http://localhost:8083/", headers=sent, data=b"")
    with patch("botocore.auth.get_current_datetime", lambda remove_tzinfo=True: NOW.replace(tzinfo=None)):
        SigV4Auth(Credentials(KEY, SECRET), "states", "eu-west-1").add_auth(request)
    raw = [(name.lower().encode(), value.encode()) for name, value in request.headers.items()]
    arrived = Headers(raw=[(b"host", b"localhost:8083"), *raw])

    assert Verifier({KEY: SECRET}).verify("POST", "/", "", arrived, b"", NOW.timestamp())


def test_a_hash_of_the_body_that_is_sent_along_is_not_believed():
    request = Request(SENT | {"X-Amz-Content-SHA256": sha256(b"{}").hexdigest()})
    assert request.verified()

    request.body = b"[]"

    assert "does not match" in request.refusal()


def test_a_body_that_is_not_signed_is_refused():
    assert "does not match" in Request(SENT | {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}).refusal()


def test_what_tells_the_operation_must_be_signed():
    request = Request({"Content-Type": "application/x-amz-json-1.0"})
    request.headers["x-amz-target"] = SENT["X-Amz-Target"]

    assert request.refusal() == "There were headers present in the request which were not signed: x-amz-target"


def test_the_host_must_be_signed():
    request = Request().with_authorization("host;", "")

    assert request.refusal() == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."


def test_the_date_may_be_in_the_header_of_http():
    assert Request(SENT | {"Date": "now"}).verified()


# --- time and place ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-5, 0, 5])
def test_a_signature_is_good_for_five_minutes_around_its_time(minutes):
    assert Request().verified(NOW + timedelta(minutes=minutes))


def test_an_old_signature_is_refused():
    assert Request().refusal(now=NOW + timedelta(minutes=5, seconds=1)) == (
        "Signature expired: 20240229T120000Z is now earlier than 20240229T120001Z (20240229T120501Z - 5 min.)"
    )


def test_one_of_the_future_is_too():
    assert Request().refusal(now=NOW - timedelta(minutes=5, seconds=1)) == (
        "Signature not yet current: 20240229T120000Z is still later than 20240229T115959Z (20240229T115459Z + 5 min.)"
    )


@pytest.mark.parametrize(
    "old, new, text",
    [
        ("/states/", "/sqs/", "Credential should be scoped to correct service: 'states'."),
        (
            "/aws4_request",
            "/aws5",
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'.",
        ),
        ("eu-west-1", "eu:west", "Credential should be scoped to a valid region, not 'eu:west'."),
        (
            "/20240229/",
            "/20240228/",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            "'20240228' != '20240229', from '20240229T120000Z'.",
        ),
    ],
)
def test_the_scope_must_be_that_of_the_request(old, new, text):
    assert Request().with_authorization(old, new).refusal() == text


def test_a_signature_for_another_region_is_none():
    assert "does not match" in Request().with_authorization("eu-west-1", "eu-west-2").refusal()


# --- who --------------------------------------------------------------------------------------------------------------


def test_a_wrong_secret_is_told_as_by_aws():
    assert Request(secret="other").refusal() == (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )


@pytest.mark.parametrize("about", [{"key": "AKIDOTHER"}, {"token": "session"}])
def test_unknown_keys_and_session_tokens_are_not_recognized(about):
    text = Request(**about).refusal(UnrecognizedClientException)

    assert text == "The security token included in the request is invalid."


@pytest.mark.parametrize("given", [None, "", "Bearer x", "Basic eDp5"])
def test_a_request_without_a_signature_has_no_token(given):
    request = Request()
    del request.headers["authorization"]
    if given is not None:
        request.headers["authorization"] = given

    assert request.refusal(MissingAuthenticationTokenException) == "Missing Authentication Token"


def test_what_is_missing_in_a_signature_is_told():
    request = Request()
    request.headers = {"authorization": "AWS4-HMAC-SHA256 SignedHeaders=host"}

    assert request.refusal(IncompleteSignatureException) == (
        "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
        "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
        "Authorization=AWS4-HMAC-SHA256 SignedHeaders=host"
    )


@pytest.mark.parametrize(
    "given, text",
    [
        ("AWS4-HMAC-SHA512 Credential=a", "Unsupported AWS 'algorithm'"),
        ("AWS4-HMAC-SHA256 Credential", "missing equal-sign"),
        ("AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0", "exactly 5 slash-delimited elements"),
    ],
)
def test_a_signature_that_makes_no_sense_is_incomplete(given, text):
    request = Request()
    request.headers["authorization"] = given

    assert text in request.refusal(IncompleteSignatureException)


def test_a_verifier_shows_no_secrets():
    assert SECRET not in repr(Verifier({KEY: SECRET}))


# --- unverified -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["states", "sts"])
def test_what_a_request_says_of_itself_can_be_read_without_a_secret(service):
    request = Request(key="123456789012", service=service, at=NOW - timedelta(days=900), token="any")

    assert scope_of(request.headers) == Scope(access_key="123456789012", region="eu-west-1")


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer x",
        "AWS4-HMAC-SHA256 Credential=a/20240229/eu:west/states/aws4_request",
        "AWS4-HMAC-SHA256 Credential=a:b/20240229/eu-west-1/states/aws4_request",
        "AWS4-HMAC-SHA256 Credential=//eu-west-1/states/aws4_request",
        f"AWS4-HMAC-SHA256 Credential={'a' * 129}/20240229/eu-west-1/states/aws4_request",
        f"AWS4-HMAC-SHA256 Credential=a/20240229/{'x' * 33}/states/aws4_request",
    ],
)
def test_what_could_not_stand_in_an_arn_says_nothing(given):
    assert scope_of({} if given is None else {"authorization": given}) is None
