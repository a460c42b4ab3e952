"""Tasks that go out of the process: from the command and from the configuration, to servers on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from stepwell.adapters.command.main import invoke
from stepwell.adapters.configuration import InvalidConfiguration, read_configuration
from support import machine, task


class Answering(BaseHTTPRequestHandler):
    """Answers every request with what was asked, as Lambda's Invoke and as an API both may."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = json.dumps(
            {"path": self.path, "key": self.headers.get("X-Api-Key"), "body": json.loads(body)}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def url():
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(capsys, definition, input="{}"):
    with open("machine.asl.json", "w", encoding="utf-8") as file:
        json.dump(definition, file)
    code = invoke(["run", "machine.asl.json", "-i", input, "--ephemeral"])
    out, err = capsys.readouterr()
    assert code == 0, err
    return json.loads(out)


def test_a_function_that_is_bound_to_nothing_is_called_at_the_endpoint_for_lambda(folder, url, capsys, monkeypatch):
    monkeypatch.setenv("LAMBDA_ENDPOINT", url)

    output = ran(capsys, machine(Ask=task("arn:aws:lambda:us-east-1:123456789012:function:far")), '{"n": 1}')

    assert output["body"] == {"n": 1}
    assert output["path"].startswith("/2015-03-31/functions/")


def test_an_http_task_takes_its_connection_from_the_configuration(folder, url, capsys, monkeypatch):
    monkeypatch.setenv("STOCK_KEY", "secret")
    (folder / "stepwell.toml").write_text(
        '[connections.Stock]\ntype = "ApiKey"\nname = "X-Api-Key"\nvalue = "${STOCK_KEY}"\n'
    )
    parameters = {
        "ApiEndpoint": f"{url}/items",
        "Method": "POST",
        "Authentication": {"ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/Stock/7"},
        "RequestBody": {"id": 7},
    }

    output = ran(capsys, machine(Ask=task("arn:aws:states:::http:invoke", Parameters=parameters)))

    assert output["ResponseBody"] == {"path": "/items", "key": "secret", "body": {"id": 7}}


def test_a_connection_that_cannot_be_read_is_told_of_with_its_place(folder):
    (folder / "stepwell.toml").write_text('allowed_hosts = ["a.example"]\n[connections.Stock]\ntype = "Magic"\n')

    with pytest.raises(InvalidConfiguration, match=r"stepwell\.toml: connections\.Stock"):
        read_configuration()


def test_an_endpoint_of_the_environment_that_is_no_url_is_told_of(folder, capsys, monkeypatch):
    monkeypatch.setenv("LAMBDA_ENDPOINT", "nonsense")
    with open("machine.asl.json", "w", encoding="utf-8") as file:
        json.dump(machine(Ask=task()), file)

    assert invoke(["run", "machine.asl.json", "--ephemeral"]) == 2
    assert "LAMBDA_ENDPOINT" in capsys.readouterr().err


def test_a_test_of_a_state_tells_the_request_of_an_http_task(folder, url, capsys):
    (folder / "stepwell.toml").write_text('[connections.Stock]\ntype = "ApiKey"\nname = "X-Api-Key"\nvalue = "k3y"\n')
    connection = {"ConnectionArn": "arn:aws:events:us-east-1:123456789012:connection/Stock/7"}
    parameters = {"ApiEndpoint": f"{url}/items", "Method": "POST", "Authentication": connection, "RequestBody": {}}
    state = task("arn:aws:states:::http:invoke", Parameters=parameters, End=True)
    (folder / "state.json").write_text(json.dumps(state))

    code = invoke(["test-state", "state.json", "--level", "TRACE", "--json"])

    out, err = capsys.readouterr()
    assert code == 0, err
    data = json.loads(out)["inspectionData"]
    assert (data["request"]["url"], data["response"]["statusCode"]) == (f"{url}/items", "200")
    assert "k3y" not in data["request"]["headers"]
