"""Starts switches of the package fake-switches in one process, each on a free loopback port that the system chooses.

Arguments: NAME=MODEL for each. Prints `host_key KEY`, `NAME PORT` for each switch, and `ready`; ends when its input ends, so
that it never outlives the test that started it.
"""

import sys
import warnings

warnings.filterwarnings("ignore")

from fake_switches import switch_factory
from fake_switches.transports.ssh_service import SwitchSshService, getRSAKeys
from twisted.internet import protocol, reactor, stdio

USER = "admin"
PASSWORD = "pw-fake-switches-52"


class UntilInputEnds(protocol.Protocol):
    def connectionLost(self, reason=protocol.connectionDone):
        reactor.stop()


def start(name, model):
    core = switch_factory.SwitchFactory().get(model, hostname=name, password=PASSWORD)
    service = SwitchSshService("127.0.0.1", 0, core, users={USER: PASSWORD.encode()})
    return service.hook_to_reactor(reactor).getHost().port


def main():
    print("host_key", " ".join(getRSAKeys()[0].split()[:2]))
    for word in sys.argv[1:]:
        name, model = word.split("=")
        print(name, start(name, model))
    print("ready", flush=True)
    stdio.StandardIO(UntilInputEnds())
    reactor.run()


main()
