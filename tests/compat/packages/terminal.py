"""A shell in the browser, by terminado.  Arguments: port, package of the server."""

import importlib
import sys

import tornado.web
from terminado import TermSocket, UniqueTermManager

package = sys.argv[2]
IOLoop = importlib.import_module(package + ".ioloop").IOLoop
HTTPServer = importlib.import_module(package + ".httpserver").HTTPServer

IOLoop.current()
manager = UniqueTermManager(shell_command=["sh"])
server = HTTPServer(tornado.web.Application([(r"/terminal", TermSocket, {"term_manager": manager})]))
server.listen(int(sys.argv[1]), "127.0.0.1")
print("listening on http://127.0.0.1:%s" % sys.argv[1], flush=True)
try:
    IOLoop.current().start()
finally:
    manager.shutdown()
