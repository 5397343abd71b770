import os
import lit.formats

config.name = "shardc"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".yaml", ".test"]
config.excludes = ["Inputs", "CMakeLists.txt"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.binary_root, "tests", "lit", "out")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.binary_root, "bin"), "/usr/lib/llvm-19/bin", os.environ["PATH"]])
config.environment["SHARDC_HOME"] = config.source_root
config.substitutions.append(("%plans", os.path.join(config.source_root, "plans")))
config.substitutions.append(("%examples", os.path.join(config.source_root, "examples")))
