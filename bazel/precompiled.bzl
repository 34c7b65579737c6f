"""A header that the compiler reads once, for every source, instead of once a source (GCC's precompiled headers).

GCC does not tell of them in its list of what a source has read, so a prelude that changes does not by itself have its
users compiled again: it names outside headers only, and whoever takes one away builds from nothing."""

load("@bazel_tools//tools/build_defs/cc:action_names.bzl", "CPP_COMPILE_ACTION_NAME")

def _precompiled_header_impl(ctx):
    toolchain = ctx.attr._cc_toolchain[cc_common.CcToolchainInfo]
    features = cc_common.configure_features(
        ctx = ctx,
        cc_toolchain = toolchain,
        requested_features = ctx.features,
        unsupported_features = ctx.disabled_features,
    )

    # The compiler looks for name.h.gch where it finds name.h, so the header gets a folder beside its sources.
    header = ctx.actions.declare_file("%s/%s" % (ctx.label.name, ctx.file.hdr.basename))
    ctx.actions.symlink(output = header, target_file = ctx.file.hdr)
    precompiled = ctx.actions.declare_file(header.basename + ".gch", sibling = header)

    # Built with the flags of the sources, sanitizers included: GCC ignores a precompiled header of other flags.
    variables = cc_common.create_compile_variables(
        feature_configuration = features,
        cc_toolchain = toolchain,
        source_file = ctx.file.hdr.path,
        output_file = precompiled.path,
        user_compile_flags = ctx.fragments.cpp.copts + ctx.fragments.cpp.cxxopts + ctx.attr.copts + ["-xc++-header"],
        quote_include_directories = depset(["."]),
    )
    ctx.actions.run(
        executable = cc_common.get_tool_for_action(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
        ),
        arguments = cc_common.get_memory_inefficient_command_line(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = variables,
        ),
        env = cc_common.get_environment_variables(
            feature_configuration = features,
            action_name = CPP_COMPILE_ACTION_NAME,
            variables = variables,
        ),
        inputs = depset([ctx.file.hdr] + ctx.files.srcs, transitive = [toolchain.all_files]),
        outputs = [precompiled],
        mnemonic = "Precompile",
        progress_message = "Precompiling " + ctx.file.hdr.short_path,
    )
    headers = depset([header, precompiled] + ctx.files.srcs)
    return [
        DefaultInfo(files = headers),
        CcInfo(compilation_context = cc_common.create_compilation_context(headers = headers)),
    ]

precompiled_header = rule(
    implementation = _precompiled_header_impl,
    attrs = {
        "hdr": attr.label(allow_single_file = [".h"], mandatory = True),
        "srcs": attr.label_list(allow_files = [".h"], doc = "Headers of this project that hdr includes."),
        "copts": attr.string_list(doc = "Those of the sources that use it."),
        "_cc_toolchain": attr.label(default = "@bazel_tools//tools/cpp:current_cc_toolchain"),
    },
    fragments = ["cpp"],
    toolchains = ["@bazel_tools//tools/cpp:toolchain_type"],
    provides = [CcInfo],
    doc = "For deps of a C++ target whose copts say `-include <package>/<name>/<hdr>`.",
)
