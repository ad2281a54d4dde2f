"""What a URL is taken apart into, and which URLs are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.outbound.errors import AddressRefused
from headworks.outbound.target import parse_target


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "path"),
    [
        ("https://example.com", "https", "example.com", 443, "/"),
        ("http://example.com", "http", "example.com", 80, "/"),
        ("HTTPS://EXAMPLE.com/Hook", "https", "example.com", 443, "/Hook"),
        ("https://example.com./hook", "https", "example.com", 443, "/hook"),
        ("https://example.com:8443/a/b?c=d&e=%20", "https", "example.com", 8443, "/a/b?c=d&e=%20"),
        ("https://example.com?x=1", "https", "example.com", 443, "/?x=1"),
        ("http://127.0.0.1:1024/", "http", "127.0.0.1", 1024, "/"),
        ("http://[::1]:8080/", "http", "::1", 8080, "/"),
        ("http://my_service.example:65535/", "http", "my_service.example", 65535, "/"),
        ("https://bücher.example/", "https", "xn--bcher-kva.example", 443, "/"),
        ("https://example.com/straße?q=ü", "https", "example.com", 443, "/stra%C3%9Fe?q=%C3%BC"),
        ("https://example.com/a//b/../c;d", "https", "example.com", 443, "/a//b/../c;d"),
        ("http://2130706433/", "http", "2130706433", 80, "/"),
        ("http://\uff11\uff12\uff17.0.0.1/", "http", "127.0.0.1", 80, "/"),
        ("http://127\u30020\u30020\u30021/", "http", "127.0.0.1", 80, "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, scheme: str, host: str, port: int, path: str) -> None:
    target = parse_target(url)

    assert (target.scheme, target.host, target.port, target.path) == (scheme, host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "//example.com", "https:///path", "https://", "https:example.com", "https:/example.com",
        "ftp://example.com", "file:///etc/passwd", "gopher://example.com", "javascript:alert(1)", "ws://example.com",
        "https://user@example.com", "https://user:pass@example.com", "https://example.com@10.0.0.1",
        "https://@example.com", "https://a:b@c:d@example.com", "https://[::1]@example.com",
        "https://example.com/#fragment", "https://example.com#@10.0.0.1",
        "https://example.com\\@10.0.0.1/", "https://example.com/\\path", "https:\\\\example.com",
        " https://example.com", "https://example.com ", "https://exa mple.com", "https://example.com/a b",
        "https://example.com/\r\nX: y", "https://example.com\t/", "https://exa\nmple.com", "https://example.com/\x00",
        "https://example.com/\x7f", "https://example.com/\x85", "https://example.com/\ud800",
        "https://example.com:", "https://example.com:0", "https://example.com:65536", "https://example.com:999999",
        "https://example.com:-1", "https://example.com:8o", "https://example.com:443:80", "https://example.com:\u0664",
        "https://[::1", "https://::1/", "https://[example.com]/", "https://[]/", "https://[127.0.0.1]/", "https://[::1]x/",
        "https://.example.com", "https://example..com", "https://-a.example", "https://a-.example", "https://%31.example",
        "https://example.com%00", "https://ex*mple.com", "https://exa|mple.com", "https://a,b.example",
        f"https://{'a' * 64}.example", f"https://{'a.' * 130}example", "https://\u2100.example",
        "https://fa\u00df.example", "https://FA\u1e9e.example", "https://a\u200db.example", "https://xn--\xfc.example",
    ],
)  # fmt: skip
def test_what_is_not_plainly_an_http_url_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        parse_target(url)


@pytest.mark.parametrize("port", [1, 21, 22, 23, 25, 53, 110, 143, 389, 445, 465, 587, 993, 1023])
def test_a_privileged_port_of_another_protocol_is_refused(port: int) -> None:
    with pytest.raises(AddressRefused, match=f"port {port}"):
        parse_target(f"https://example.com:{port}/")


@pytest.mark.parametrize("port", [2049, 3306, 5060, 5432, 6000, 6379, 6667, 11211, 27017])
def test_a_port_where_a_request_could_be_read_as_commands_is_refused(port: int) -> None:
    with pytest.raises(AddressRefused, match=f"port {port}"):
        parse_target(f"https://example.com:{port}/")


@pytest.mark.parametrize("port", [80, 443, 1024, 3000, 5000, 8000, 8080, 8443, 49152])
def test_a_port_where_http_is_served_is_not_refused(port: int) -> None:
    assert parse_target(f"http://example.com:{port}/").port == port


@pytest.mark.parametrize(
    "url", ["https://h.example/SECRET?SECRET#SECRET", "https://SECRET@h.example/SECRET", "SECRET"]
)
def test_a_refusal_tells_nothing_of_the_path_the_query_or_a_password(url: str) -> None:
    with pytest.raises(AddressRefused) as refused:
        parse_target(url)

    assert "SECRET" not in str(refused.value)


def test_the_path_is_left_out_where_a_target_is_told() -> None:
    target = parse_target("https://h.example:8443/SECRET?SECRET")

    assert "SECRET" not in repr(target)
    assert target.origin == "https://h.example:8443"


def test_an_origin_is_written_as_in_a_url() -> None:
    assert parse_target("http://[::1]:8080/").origin == "http://[::1]:8080"
    assert parse_target("https://h.example:443/").origin == "https://h.example"


@given(st.text())
def test_any_text_is_a_target_in_printable_ascii_or_refused(text: str) -> None:
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            target = parse_target(url)
        except AddressRefused:
            continue
        assert (target.host + target.path).isascii()
        assert (target.host + target.path).isprintable()
        assert " " not in target.path
