"""The rules of this project: warnings, language level and floating-point contract are set here, once."""

COPTS = [
    "-std=c++20",
    "-Wall",
    "-Wextra",
    "-Werror",
    # A designated initialiser leaves fields at their defaults on purpose.
    "-Wno-missing-field-initializers",
    # The numerics contract: an expression is rounded as it is written, on every instruction set.
    "-ffp-contract=off",
    "-fno-fast-math",
]

# For the loops of common/cpu/run_at.h: vectorised fully, and square roots without errno (a call an element otherwise).
VECTOR_COPTS = [
    "-O3",
    "-fno-math-errno",
]

# Generated code is held to the language level, not to our warnings.
GENERATED_COPTS = ["-std=c++20", "-w"]

# The libraries turn these off around code that GCC misjudges, by pragmas that a precompiled header loses.
PRECOMPILED_COPTS = [
    "-Wno-array-bounds",
    "-Wno-stringop-overflow",
    "-Wno-stringop-overread",
    "-Wno-error=maybe-uninitialized",
]

# Tests are compiled more often than they are run; what they test is optimised as ever.
TEST_COPTS = COPTS + ["-O1"]

def _compiled(prelude, copts, deps, base = COPTS):
    """copts and deps of a target; flags of its own, as of vector loops, exclude the precompiled header."""
    if copts:
        return {"copts": base + copts, "deps": deps}
    return {
        "copts": base + PRECOMPILED_COPTS + ["-include", "bazel/%s/%s.h" % (prelude, prelude)],
        "deps": deps + ["//bazel:" + prelude],
    }

def banyan_library(name, copts = [], deps = [], **kwargs):
    """A C++ library: one header, one source, one target; compiled and archived once, for programs and tests alike."""
    kwargs.update(_compiled("prelude", copts, deps))
    native.cc_library(name = name, linkstatic = True, **kwargs)

def banyan_binary(name, copts = [], deps = [], **kwargs):
    """A program."""
    kwargs.update(_compiled("prelude", copts, deps))
    native.cc_binary(name = name, **kwargs)

def banyan_test(name, copts = [], deps = [], size = "small", main = True, **kwargs):
    """A GoogleTest program."""
    deps = deps + ["@system//:gtest_main" if main else "@system//:gtest"]
    kwargs.update(_compiled("test_prelude", copts, deps, TEST_COPTS))
    native.cc_test(name = name, linkstatic = True, size = size, **kwargs)

def banyan_benchmark(name, copts = [], deps = [], **kwargs):
    """A google-benchmark program, or one with a main of its own; built by `bazel build //...`, run by hand."""
    native.cc_binary(
        name = name,
        copts = COPTS + copts,
        testonly = True,
        deps = deps + ["@system//:benchmark"],
        **kwargs
    )

def banyan_proto(name, deps = [], grpc = False, **kwargs):
    """C++ for `name.proto`, by the system's protoc; with `grpc`, its services too.

    Args:
      name: of the .proto file without its ending, and of the C++ library.
      deps: other banyan_proto targets of the same package that the file imports.
      grpc: whether to generate services.
      **kwargs: for the library.
    """
    package = native.package_name()
    src = name + ".proto"
    outs = [name + ".pb.h", name + ".pb.cc"]
    flags = "--cpp_out=$(GENDIR)"
    if grpc:
        outs += [name + ".grpc.pb.h", name + ".grpc.pb.cc"]
        flags += " --grpc_out=$(GENDIR) --plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin"
    native.genrule(
        name = name + "_generate",
        srcs = [src] + native.glob(["*.proto"], exclude = [src]),
        outs = outs,
        cmd = "/usr/bin/protoc --proto_path=. %s %s/%s" % (flags, package, src),
        message = "protoc",
    )
    native.cc_library(
        name = name,
        srcs = [out for out in outs if out.endswith(".cc")],
        hdrs = [out for out in outs if out.endswith(".h")],
        copts = GENERATED_COPTS,
        linkstatic = True,
        deps = deps + ["@system//:grpc" if grpc else "@system//:protobuf"],
        **kwargs
    )
