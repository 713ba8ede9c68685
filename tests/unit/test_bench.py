"""The benchmark's figures: statistics on known numbers, what wrk really prints, the tables, the command line."""

import re
import resource
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench import tables, wrk
from bench.__main__ import main
from bench.catalog import BASE, BULK_SERVERS, ECHO_SERVERS, HTTP_SERVERS, Server, check_names, choose
from bench.http_scenarios import (
    HEADERS,
    ROWS,
    churn_scenario,
    http_scenario,
    idle_scenario,
    latency_scenario,
    workers_scenario,
)
from bench.idle import raise_limit
from bench.report import Heading, Report, read
from bench.runner import Settings
from bench.scenarios import bulk_scenario, echo_scenario
from bench.stats import Sample, Summary, rows, summary
from bench.tls import Certificate
from bench.work import MARK, Answer, BenchError, Found, Kind, Work, variants

MIB = 1 << 20
CERTIFICATE = Certificate("chain.pem", "authority.pem")
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nHello, world!"


def sample(server: str, number: int, requests: int, cpu_seconds: float, seconds: float = 1.0) -> Sample:
    return Sample("http-minimal", server, number, requests, seconds, cpu_seconds, requests * 52, 0.0)


# Within rounds ours/raw is 1.5, 2 and 1.25 in CPU time per request, and 0.5, 0.5 and 0.8 in requests per second; the
# medians of requests per second, 50,000 and 100,000, come from different rounds.
SAMPLES = [
    sample("raw", 1, 100_000, 0.8),  # 8 µs
    sample("ours", 1, 50_000, 0.6),  # 12 µs
    sample("ours", 2, 30_000, 0.6),  # 20 µs
    sample("raw", 2, 60_000, 0.6),  # 10 µs
    sample("raw", 3, 250_000, 1.0, seconds=2.0),  # 4 µs
    sample("ours", 3, 200_000, 1.0, seconds=2.0),  # 5 µs
]


def figures(one: Summary | None) -> tuple[float, float, float]:
    assert one is not None
    return one.median, one.low, one.high


HELLO_HEADING = Heading("HTTP hello", "http", Kind.CLOSED, 64, "a generator")


def report(samples: list[Sample], **changed: object) -> Report:
    parts: dict[str, object] = {
        "command": "python -m bench http",
        "started": "2026-01-02T03:04:05+00:00",
        "settings": Settings(3, 1.0, [1], 0),
        "base": "raw",
        "versus": None,
        "scenarios": {"http-minimal": HELLO_HEADING},
        "machine": {"processor": "a processor", "cores": 2, "system": "Linux"},
        "versions": {"python": "CPython 3.11.7"},
        "load_average": 0.1,
        "samples": samples,
    }
    return Report(**{**parts, **changed})  # type: ignore[arg-type] # a test's shorthand


def text(samples: list[Sample], **changed: object) -> str:
    return tables.text(report(samples, **changed))


def test_sample_figures_come_from_counts() -> None:
    one = sample("raw", 1, 50_000, 0.6, seconds=0.5)
    assert (one.rate, one.cpu_us, one.busy) == pytest.approx((100_000, 12, 1.2))


def test_summary_is_median_low_high() -> None:
    assert summary([5.0, 1.0, 9.0]) == Summary(5.0, 1.0, 9.0)
    assert summary([1.0, 2.0, 4.0, 10.0]) == Summary(3.0, 1.0, 10.0)
    assert summary([7.0]) == Summary(7.0, 7.0, 7.0)


def test_rows_keep_order_and_take_ratios_within_rounds() -> None:
    raw, ours = rows(SAMPLES, base="raw", versus="raw")
    assert (raw.server, ours.server) == ("raw", "ours")
    assert figures(ours.cpu_us) == pytest.approx((12, 5, 20))
    assert figures(ours.cpu_to_base) == pytest.approx((1.5, 1.25, 2))
    assert figures(ours.rate_to_versus) == pytest.approx((0.5, 0.5, 0.8))
    assert figures(raw.cpu_to_base) == (1, 1, 1)


def test_row_without_its_other_server_has_no_ratio() -> None:
    _, ours = rows(SAMPLES, base="raw", versus="tornado")
    assert ours.cpu_to_base is not None
    assert ours.rate_to_versus is None


def test_ratio_uses_only_rounds_that_both_have() -> None:
    _, ours = rows([*SAMPLES, sample("ours", 4, 1, 1.0)], base="raw", versus=None)
    assert figures(ours.cpu_to_base) == pytest.approx((1.5, 1.25, 2))


def test_table_shows_medians_with_spread() -> None:
    lines = text(SAMPLES, versus="raw").splitlines()
    (ours,) = [line for line in lines if line.startswith("ours ")]
    assert "50,000 (30,000–100,000)" in ours
    assert "12.00 (5.00–20.00)" in ours
    assert "1.50 (1.25–2.00)" in ours
    assert "0.50 (0.50–0.80)" in ours


def test_memory_is_the_most_of_all_rounds_not_a_median() -> None:
    rounds = [replace(SAMPLES[0], round=n, first_memory=20 * MIB, peak_memory=p * MIB) for n, p in ((1, 24), (2, 31))]
    (raw,) = rows(rounds, base="raw", versus=None)
    assert (raw.peak_memory, raw.grown_memory) == (31 * MIB, 11 * MIB)


def test_bulk_table_speaks_of_mebibytes_and_shows_memory() -> None:
    one = replace(SAMPLES[0], requests=2_500, first_memory=20 * MIB, peak_memory=int(24.25 * MIB))
    heading = replace(HELLO_HEADING, kind=Kind.STREAM)
    said = text([one], scenarios={"http-minimal": heading}, versus="raw")
    table = said.split("HTTP hello (64 connections; a generator)\n\n")[1].splitlines()
    assert re.split(r"  +", table[0]) == [
        *("server", "MiB/s", "CPU µs/MiB", "CPU × raw", "MiB/s × raw", "busy", "generator"),
        *("peak RSS MiB", "grown MiB"),
    ]
    assert re.split(r"  +", table[1])[1:3] == ["2,500 (2,500–2,500)", "320.00 (320.00–320.00)"]
    assert re.split(r"  +", table[1])[-2:] == ["24.2", "4.2"]


def test_tables_without_bulk_show_no_memory() -> None:
    assert "MiB" not in text(SAMPLES)


def test_overview_has_a_column_for_each_scenario() -> None:
    other = [replace(one, scenario="http-minus", cpu_seconds=one.cpu_seconds * 2) for one in SAMPLES if one.round == 1]
    both = {"http-minimal": HELLO_HEADING, "http-minus": HELLO_HEADING}
    said = text([*SAMPLES, *other, replace(other[0], server="late")], scenarios=both)
    title, _, head, *lines = said.partition("CPU × raw in each scenario")[2].splitlines()
    assert title == ", http-…"
    assert head.split() == ["server", "minimal", "minus"]
    assert [line.split() for line in lines] == [
        ["raw", "1.00", "1.00"],
        ["ours", "1.50", "1.50"],
        ["late", "–", "1.00"],
    ]


def test_servers_with_a_log_are_compared_with_themselves_and_stand_in_the_overview_alone() -> None:
    beside = [replace(one, server="ours, no log") for one in SAMPLES if one.server == "ours"]
    logged = [replace(one, requests=one.requests // 2) for one in SAMPLES if one.server == "ours"]
    raw = [one for one in SAMPLES if one.server == "raw"]
    other = [replace(one, scenario="http-minus") for one in raw]
    said = text(
        [*raw, *beside, *logged, *other], scenarios={"http-minimal": HELLO_HEADING, "http-minus": HELLO_HEADING}
    )
    table, _, overview = said.partition("each scenario")
    assert "req/s × no log" in table
    lines = {line.partition("  ")[0]: line for line in table.splitlines()}
    assert "0.50 (0.50–0.50)" in lines["ours"]
    assert "1.00 (1.00–1.00)" in lines["ours, no log"]
    assert [line.split()[0] for line in overview.splitlines()[3:]] == ["raw", "ours"]


def test_run_of_one_scenario_has_no_overview() -> None:
    assert "each scenario" not in text(SAMPLES)


def test_table_leaves_out_the_column_of_an_absent_server() -> None:
    assert "× raw" in text(SAMPLES)
    assert "× tornado" not in text(SAMPLES)
    assert "× no log" not in text(SAMPLES)


def test_report_names_what_spoils_a_run() -> None:
    idle = Sample("http-minimal", "raw", 1, 100_000, 1.0, 0.5, 5_200_000, idle_cpu_seconds=0.25)
    said = text(
        [idle],
        left_out={"granian": "no granian"},
        load_average=1.5,
        complaints={"ours": "Traceback …\nKeyError: 1"},
        failed={"sanic, http-minimal": "wrong answer"},
    )
    assert "Left out: granian (no granian)." in said
    assert "Failed, and without figures there: sanic, http-minimal." in said
    assert "Less than 90% busy: all." in said
    assert "up to 25.0% of a window" in said
    assert "busy before the run (load average 1.5)" in said
    assert "ours wrote to its standard error: … KeyError: 1" in said


def test_stored_report_prints_the_same_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = report(SAMPLES)
    before.write(tmp_path / "new" / "run.json")
    assert read(tmp_path / "new" / "run.json") == before
    assert main(["report", str(tmp_path / "new" / "run.json")]) == 0
    assert capsys.readouterr().out == tables.text(before) + "\n"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 1}', '{"schema": 2}'])
def test_file_that_is_no_report_is_refused(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text(content)
    assert main(["report", str(tmp_path / "run.json")]) == 2
    assert f"bench: {tmp_path / 'run.json'}: " in capsys.readouterr().err


# What wrk 4.1.0 from Debian printed with bench/wrk.lua, against: the raw server; one that answers 500; one that
# closes after some answers; one whose answers are cut short; one that keeps half of each answer back.
WRK_GOOD = """\
Running 1s test @ http://127.0.0.1:7701/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   444.46us  409.53us   8.43ms   97.43%
    Req/Sec   111.59k     5.93k  116.40k    90.91%
  122074 requests in 1.10s, 6.05MB read
Requests/sec: 110777.97
Transfer/sec:      5.49MB
RESULT requests=122074 microseconds=1101970 octets=6347848 connect=0 read=0 write=0 status=0 timeout=0
"""
WRK_STATUS = """\
  116220 requests in 1.10s, 5.99MB read
  Non-2xx or 3xx responses: 116220
Requests/sec: 105674.34
Transfer/sec:      5.44MB
RESULT requests=116220 microseconds=1099794 octets=6275880 connect=0 read=0 write=0 status=116220 timeout=0
"""
WRK_CLOSED = """\
  98372 requests in 1.10s, 4.88MB read
  Socket errors: connect 0, read 983, write 0, timeout 0
Requests/sec:  89428.12
Transfer/sec:      4.43MB
RESULT requests=98372 microseconds=1100012 octets=5115344 connect=0 read=983 write=0 status=0 timeout=0
"""
WRK_CUT = """\
  0 requests in 1.10s, 571.44KB read
  Socket errors: connect 0, read 13298, write 0, timeout 0
Requests/sec:      0.00
Transfer/sec:    519.70KB
RESULT requests=0 microseconds=1099567 octets=585156 connect=0 read=13298 write=0 status=0 timeout=0
"""
WRK_STALLED = """\
  0 requests in 1.00s, 176.00B read
Requests/sec:      0.00
Transfer/sec:     175.67B
RESULT requests=0 microseconds=1001905 octets=176 connect=0 read=0 write=0 status=0 timeout=0
"""


def work(answer_size: int = len(HELLO)) -> Work:
    answer = Answer(answer_size, b"HTTP/1.1 200 ", b"Hello, world!")
    return Work(port=7701, pids=[1], request=b"", answer=answer, connections=64, seconds=1)


def test_wrk_result_is_read_from_real_output() -> None:
    assert wrk.parse(WRK_GOOD, work(), cpu=0.9) == Found(122_074, 1.10197, 0.9, 122_074 * 52)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        pytest.param(WRK_STATUS, "status above 399 116220", id="status"),
        pytest.param(WRK_CLOSED, "read 983; 98372 whole answers", id="closed"),
        pytest.param(WRK_CUT, "read 13298", id="cut"),
        pytest.param(WRK_STALLED, "no answer within the window", id="stalled"),
        pytest.param("unable to connect to 127.0.0.1:7709 Connection refused\n", "no result", id="refused"),
    ],
)
def test_wrk_errors_are_fatal(output: str, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        wrk.parse(output, work(), cpu=0.9)


@pytest.mark.parametrize("size", [51, 53])
def test_wrk_answers_of_another_size_are_fatal(size: int) -> None:
    with pytest.raises(BenchError, match=rf"not {size} each"):
        wrk.parse(WRK_GOOD, work(answer_size=size), cpu=0.9)


def test_wrk_octets_may_include_one_partial_answer_a_connection() -> None:
    # Seen with bodies of 100 KiB: what was under way at the end is in the octets and not in the requests.
    for surplus, fits in ((64 * 52, True), (64 * 52 + 1, False)):
        output = WRK_GOOD.replace("octets=6347848", f"octets={6347848 + surplus}")
        if fits:
            assert wrk.parse(output, work(), cpu=0.9).octets == 6347848
        else:
            with pytest.raises(BenchError):
                wrk.parse(output, work(), cpu=0.9)


def test_answer_fits_only_with_size_start_and_end() -> None:
    answer = Answer(len(HELLO), b"HTTP/1.1 200 ", b"Hello, world!")
    assert answer.fits(HELLO)
    assert not answer.fits(HELLO + b"!")
    assert not answer.fits(HELLO[:-1])
    assert not answer.fits(HELLO.replace(b"200", b"500"))
    assert not answer.fits(HELLO.replace(b"world", b"World"))


def test_header_sets_have_2_and_14_fields() -> None:
    assert {name: len(fields) for name, fields in HEADERS.items()} == {"minimal": 2, "browser": 14, "cookies": 14}
    assert http_scenario("hello").request == b"GET / HTTP/1.1\r\nHost: localhost:8888\r\nAccept: */*\r\n\r\n"
    assert http_scenario("browser").request.count(b"\r\n") == 16


@pytest.mark.parametrize("size", [1, 64, 1024])
def test_echo_lines_are_as_long_as_said(size: int) -> None:
    request = echo_scenario(size).request
    assert len(request) == size
    assert request.index(b"\n") == size - 1


@pytest.mark.parametrize(
    ("read", "certificate", "name", "options"),
    [
        ("until", None, "echo-until-64", ("--read", "until")),
        ("bytes", None, "echo-bytes-64", ("--read", "64")),
        ("until", CERTIFICATE, "echo-tls-until-64", ("--read", "until", "--tls", "chain.pem")),
        ("bytes", CERTIFICATE, "echo-tls-bytes-64", ("--read", "64", "--tls", "chain.pem")),
    ],
)
def test_echo_servers_are_told_how_to_read(
    read: str, certificate: Certificate | None, name: str, options: tuple[str, ...]
) -> None:
    scenario = echo_scenario(64, read, certificate)
    assert (scenario.name, scenario.options) == (name, options)
    assert scenario.authority == ("authority.pem" if certificate else "")
    assert ("over TLS 1.3" in scenario.title) == bool(certificate)
    assert scenario.kind is Kind.CLOSED


def test_lines_of_several_sizes_share_the_servers() -> None:
    assert echo_scenario(64).options == echo_scenario(1024).options


def test_bulk_pieces_end_in_an_octet_that_is_nowhere_else() -> None:
    scenario = bulk_scenario(4 * MIB)
    assert len(scenario.request) == MIB
    assert scenario.request.index(b"\n") == MIB - 1
    assert scenario.kind is Kind.STREAM
    assert scenario.options == ("--max-buffer-size", "4194304", "--pause", "0")
    assert bulk_scenario(2 * MIB, 5, CERTIFICATE).name == "bulk-tls-2097152-5ms"
    assert bulk_scenario(2 * MIB, 5, CERTIFICATE).options[4:] == ("--tls", "chain.pem")


@pytest.mark.parametrize("table", [HTTP_SERVERS, ECHO_SERVERS, BULK_SERVERS], ids=["http", "echo", "bulk"])
def test_server_names_are_unique_and_include_the_base(table: tuple[Server, ...]) -> None:
    names = [server.name for server in table]
    assert len(set(names)) == len(names)
    assert names[0] == BASE


def test_servers_with_a_log_run_beside_themselves_without() -> None:
    by_name = {server.name: server for server in HTTP_SERVERS}
    told = {
        beside.name: beside.options
        for name in ("raw", "asynchttp-respond", "tornado")
        for beside in by_name[name].with_and_without_log()
    }
    ours, tornados = by_name["asynchttp-respond"].options, by_name["tornado"].options
    assert told == {
        "raw": by_name["raw"].options,
        "asynchttp-respond, no log": ours,
        "asynchttp-respond": (*ours, "--access-log"),
        "asynchttp-respond, JSON log": (*ours, "--access-log", "--json-log"),
        "tornado, no log": tornados,
        "tornado": (*tornados, "--access-log"),
    }


def test_choose_keeps_the_tables_order_and_always_takes_the_base() -> None:
    assert choose(HTTP_SERVERS) == list(HTTP_SERVERS)
    names = [server.name for server in choose(HTTP_SERVERS, ["tornado-*", "raw-asyncio"], ["tornado-c*", "raw"])]
    assert names == ["raw", "raw-asyncio", "tornado-uvloop"]


def test_name_that_no_server_has_is_refused() -> None:
    check_names(HTTP_SERVERS, ["tornado*", "raw"])
    with pytest.raises(BenchError, match="no server is called 'tornade'"):
        check_names(HTTP_SERVERS, ["tornade"])


def test_server_whose_package_is_absent_knows_what_it_misses() -> None:
    server = Server("x", "x_http", (), "", needs=("json", "no_such_package", "no_such_package.part"))
    assert server.missing == ["no_such_package", "no_such_package.part"]
    assert Server("x", "x_http", (), "", tools=("sh", "no_such_tool")).missing == ["no_such_tool"]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["http", "--only", "no-such-server"], "no server is called 'no-such-server'"),
        (["http", "--generator", "wrk", "--seconds", "0.5"], "--generator own can do it"),
        (["report", "/no/such/file.json"], "No such file"),
        (["compare", "/no/such/file.json", "/no/such/file.json"], "No such file"),
        (["readme", "/no/such/file.json"], "No such file"),
        (["http", "--without", "no-such-server"], "no server is called 'no-such-server'"),
        (["http", "--versus", "no-such-server"], "no server is called 'no-such-server'"),
        (["idle", "--connections", "100000000"], "100,000,000 connections need 100,000,200 open files"),
    ],
)
def test_what_cant_be_done_is_one_line_and_exit_code_2(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert why in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["http", "--rows", "none"],
        ["all", "--works", "nothing"],
        ["list", "nothing"],
        ["latency", "--rate", "0"],
        ["compare", "one.json"],
        ["http", "--rounds", "0"],
        ["http", "--seconds", "0"],
        ["http", "--seconds", "nan"],
        ["http", "--connections", "many"],
        ["echo", "--size", "64,0"],
        ["echo", "--size", "2000000"],
        ["echo", "--read", "until,lines"],
        ["bulk", "--max-buffer-size", "2097151"],
        ["bulk", "--pause", "-1"],
        ["bulk", "--pause", "101"],
        ["http", "--tls"],
    ],
)
def test_options_are_checked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is measured at all")
def test_tls_without_trustme_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bench.certificates.trustme", None)
    assert main(["echo", "--tls"]) == 2
    assert capsys.readouterr() == ("", "bench: TLS needs trustme, which is not installed\n")


def test_list_names_the_servers_and_the_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "echo"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "Servers of echo:"
    assert [line.split()[0] for line in lines] == [server.name for server in ECHO_SERVERS]
    assert main(["list"]) == 0
    out = capsys.readouterr().out
    rows_listed = out.partition("Rows of http:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in rows_listed] == list(ROWS)
    assert "churn, idle, latency, workers" in out


def test_rows_ask_for_what_they_need() -> None:
    assert http_scenario("hello").options == ()
    assert http_scenario("10k").options == ("--site",)
    assert http_scenario("tls", CERTIFICATE).options == ("--tls", "chain.pem")
    assert http_scenario("hello", CERTIFICATE).authority == ""
    assert http_scenario("log").options == ()
    assert http_scenario("log").asks == {"access-log"}
    assert http_scenario("close").kind is Kind.VISIT
    assert http_scenario("pipelined").request == http_scenario("hello").request * 16
    assert workers_scenario(2).asks == {"workers"}
    assert idle_scenario(1000).fresh
    assert latency_scenario(500).rate == 500
    assert churn_scenario(CERTIFICATE).options == ("--tls", "chain.pem")


def test_uploads_have_the_octets_that_they_say() -> None:
    head, _, body = http_scenario("post-64k").request.partition(b"\r\n\r\n")
    assert b"Content-Length: 65536" in head
    assert len(body) == 65536
    head, _, body = http_scenario("chunked").request.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body.count(b"2000\r\n") == 8
    assert body.endswith(b"\r\n0\r\n\r\n")
    assert body.count(b"x") == 65536


def test_each_request_of_the_cookies_row_is_another_one_of_the_same_size() -> None:
    request = http_scenario("cookies").request
    assert request.count(MARK) == 1
    made = variants(request)
    assert len(set(made)) == len(made) == 4096
    assert {len(one) for one in made} == {len(request)}
    assert len(request) == len(http_scenario("browser").request)
    assert variants(b"no mark") == [b"no mark"]


def test_generator_that_was_the_limit_is_marked() -> None:
    waited = replace(SAMPLES[0], cpu_seconds=0.6, generator_cpu_seconds=0.99)
    said = text([waited])
    assert "100,000 (100,000–100,000)*" in said
    assert "The generator was saturated and the server wasn't: raw." in said
    busy = replace(SAMPLES[0], cpu_seconds=0.98, generator_cpu_seconds=0.99)
    assert "*" not in text([busy])


def test_idle_table_shows_memory_of_a_connection() -> None:
    figures_found = {"octets": 2560.0, "first": 20.0 * MIB, "last": 22.5 * MIB}
    one = Sample("idle-1000", "raw", 1, 1000, 1.0, 0.0, 52, 0.0, figures=figures_found)
    heading = Heading("Idle", "idle", Kind.IDLE, 1000, "own generator")
    said = text([one], scenarios={"idle-1000": heading})
    row = next(line for line in said.splitlines() if line.startswith("raw "))
    assert row.split() == ["raw", "2.50", "(2.50–2.50)", "20.0", "22.5", "0.00", "(0.00–0.00)"]


def test_latency_table_names_those_that_could_not_keep_up_and_a_late_generator() -> None:
    found = dict.fromkeys(("p50", "p90", "p99", "p99.9", "p100"), 100.0)
    slow = Sample("latency-10", "raw", 1, 5, 1.0, 0.5, 52, 0.0, figures={**found, "late_p99": 150.0, "kept_up": 0.5})
    heading = Heading("Latency", "latency", Kind.PACED, 64, "own generator", rate=10)
    said = text([slow], scenarios={"latency-10": heading})
    assert "Could not keep up with the rate: raw." in said
    assert "The generator itself sent up to 150 µs late" in said


def test_limit_of_open_files_is_checked() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_limit(1)
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (max(soft, 201), hard)
    with pytest.raises(BenchError, match="100,000,000 connections need 100,000,200 open files, the hard limit is"):
        raise_limit(100_000_000)
