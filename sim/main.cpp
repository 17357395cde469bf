#include <CLI/CLI.hpp>

#include "sim/commands_log.hpp"
#include "sim/commands_run.hpp"
#include "sim/fuzz_command.hpp"

int main(int argc, char** argv) {
  using namespace vsf::sim;
  CLI::App app{"Virtual Soulfind's simulator: hundreds of nodes' own actors in virtual time"};
  app.require_subcommand(1);
  const run_command run(app);
  const list_command list(app);
  const check_command check(app);
  const report_command report(app);
  const diff_command diff(app);
  const fuzz_command fuzz(app);
  const mutants_command mutants(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  // Each knows whether it was the one.
  for (const auto& code :
       {run.run(), list.run(), check.run(), report.run(), diff.run(), fuzz.run(), mutants.run()})
    if (code) return *code;
  return 2;
}
