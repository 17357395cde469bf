#include "gateway/cli/soulseek_options.hpp"

#include <limits>

namespace vsf::cli {

namespace {

bool is_number(const std::string& word) { return word == "NUMBER" || word == "PLACE"; }

void declare(CLI::App& command, const soulseek_word& word, soulseek_request& into) {
  CLI::Option* option = nullptr;
  if (word.wanted == soulseek_word::amount::many)
    option = command.add_option_function<std::vector<std::string>>(
        word.name, [&into, &word](const std::vector<std::string>& words) { into.given[word.name] = words; },
        word.help);
  else
    option = command.add_option_function<std::string>(
        word.name, [&into, &word](const std::string& one) { into.given[word.name] = {one}; }, word.help);
  option->type_name("")->required(word.wanted != soulseek_word::amount::maybe);
  if (!word.choices.empty()) option->check(CLI::IsMember(word.choices));
  if (is_number(word.name))
    option->check(CLI::Range(std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max()));
}

void declare(CLI::App& command, const soulseek_option& option, soulseek_request& into) {
  if (option.takes == soulseek_option::value::none) {
    command.add_flag_callback(
        option.name, [&into, &option] { into.given[option.name] = {}; }, option.help);
    return;
  }
  auto* added = command.add_option_function<std::vector<std::string>>(
      option.name,
      [&into, &option](const std::vector<std::string>& words) { into.given[option.name] = words; },
      option.help);
  added->allow_extra_args(false);
  if (option.takes == soulseek_option::value::text) {
    added->type_name("TEXT");
    return;
  }
  added->type_name("N")->check(CLI::Range(std::uint64_t{0}, option.most));
}

}  // namespace

void declare_soulseek(CLI::App& app, soulseek_request& into) {
  auto* soulseek = app.add_subcommand("soulseek", "the Soulseek network: search, transfers, chat");
  // None at all is told apart from an unknown one by whoever runs it.
  soulseek->require_subcommand(0, 1);
  std::map<std::string, CLI::App*> groups;
  for (const auto& command : soulseek_commands()) {
    const std::string name = command.name;
    const auto space = name.find(' ');
    auto* parent = soulseek;
    if (space != std::string::npos) {
      auto& group = groups[name.substr(0, space)];
      if (group == nullptr) group = soulseek->add_subcommand(name.substr(0, space), "");
      group->require_subcommand(0, 1);
      parent = group;
    }
    auto* declared =
        parent->add_subcommand(name.substr(space == std::string::npos ? 0 : space + 1), command.help);
    for (const auto& word : command.words) declare(*declared, word, into);
    for (const auto& option : command.options) declare(*declared, option, into);
    declared->callback([&into, &command] { into.command = &command; });
    declared->fallthrough();
  }
  for (const auto& [name, group] : groups) {
    std::string names;
    for (const auto* one : group->get_subcommands({})) names += (names.empty() ? "" : ", ") + one->get_name();
    group->description(name + " ...: " + names);
    group->fallthrough();
  }
}

}  // namespace vsf::cli
