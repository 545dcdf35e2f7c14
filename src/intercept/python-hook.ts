/**
 * A `sitecustomize.py`, which Python runs before the program. Some clients never ask the environment which authorities
 * to trust (twilio-python sends prepared requests, for which requests does not): they ask certifi, or requests' own
 * module. So both are told to answer with the bundle that `SSL_CERT_FILE` names. Then the `sitecustomize` that this
 * one hides is run, as if it had been found first.
 */
export const PYTHON_HOOK = `import importlib.machinery
import importlib.util
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ASKED = ("certifi", "requests.certs")


def patch(module):
    bundle = os.environ.get("SSL_CERT_FILE")
    if bundle:
        module.where = lambda: bundle


class PatchingFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in ASKED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module
            spec.loader.exec_module = lambda module: (load(module), patch(module))
        return spec


def run_hidden():
    others = [folder for folder in sys.path if os.path.abspath(folder) != HERE]
    spec = importlib.machinery.PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        hidden = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = hidden
        spec.loader.exec_module(hidden)


sys.meta_path.insert(0, PatchingFinder)
# A .pth file may have imported one before.
for name in ASKED:
    if name in sys.modules:
        patch(sys.modules[name])
run_hidden()
`
