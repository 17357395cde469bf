#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "gateway/cli/api_client.hpp"
#include "gateway/cli/console.hpp"

/// `vsf soulseek`: one table of commands, from which both what is parsed and what is told as help come.
namespace vsf::cli {

/// A command with the words it was given.
struct soulseek_call {
  api_client& node;
  const console& to;
  /// By the name of a word or option; those that were not given are missing. Flags have no text.
  const std::map<std::string, std::vector<std::string>>& given;

  bool has(const std::string& name) const;
  /// The words of a text, with a space between them; "" if there are none.
  std::string text(const std::string& name) const;
  std::uint64_t number(const std::string& name, std::uint64_t otherwise) const;
};

struct soulseek_word {
  enum class amount : std::uint8_t { one, maybe, many };  // many: all that follow, at least one
  const char* name;  // in capitals; NUMBER or PLACE: a whole number from 1
  const char* help;
  amount wanted = amount::one;
  std::vector<std::string> choices{};  // empty: anything
};
struct soulseek_option {
  enum class value : std::uint8_t { none, text, number };
  const char* name;  // with its dashes
  value takes;
  const char* help;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();  // of a number
};
struct soulseek_command {
  /// One word, or two: the first is then a group.
  const char* name;
  const char* help;
  std::vector<soulseek_word> words;
  std::vector<soulseek_option> options;
  /// Gives the program's exit code.
  int (*run)(const soulseek_call& call);
  /// Another user has to answer first, who may take a minute.
  bool patient = false;
};

const std::vector<soulseek_command>& soulseek_commands();

// ---- What the commands share

/// "/api/v1/soulseek" and the parts, each escaped, with slashes between them.
std::string soulseek_path(const std::vector<std::string>& parts);
/// The path with `offset` and `limit`.
std::string paged(const std::string& path, std::uint64_t offset, std::uint64_t limit);
/// Prints as JSON if that was asked for, otherwise the text; or complains: "cannot WHAT: reason".
int show_answer(const soulseek_call& call, const std::string& what,
                const api_client::answer<nlohmann::json>& answer,
                std::string (*as_text)(const nlohmann::json&));
/// Says what was done, or complains: "cannot WHAT: reason".
int tell_done(const soulseek_call& call, const std::string& what,
              const api_client::answer<nlohmann::json>& answer, const std::string& done);

// ---- The commands, by file

int run_soulseek_search(const soulseek_call& call);
int run_soulseek_results(const soulseek_call& call);
int run_soulseek_browse(const soulseek_call& call);

int run_soulseek_get(const soulseek_call& call);
int run_soulseek_downloads(const soulseek_call& call);
int run_soulseek_uploads(const soulseek_call& call);
int run_soulseek_cancel(const soulseek_call& call);
int run_soulseek_retry(const soulseek_call& call);
int run_soulseek_pause(const soulseek_call& call);
int run_soulseek_resume(const soulseek_call& call);
int run_soulseek_forget(const soulseek_call& call);
int run_soulseek_move(const soulseek_call& call);
int run_soulseek_limits(const soulseek_call& call);

int run_soulseek_messages(const soulseek_call& call);
int run_soulseek_say(const soulseek_call& call);
int run_soulseek_rooms(const soulseek_call& call);
int run_soulseek_room(const soulseek_call& call);
int run_soulseek_wish_add(const soulseek_call& call);
int run_soulseek_wish_remove(const soulseek_call& call);
int run_soulseek_interests(const soulseek_call& call);
int run_soulseek_recommendations(const soulseek_call& call);
int run_soulseek_buddy(const soulseek_call& call);
int run_soulseek_ban(const soulseek_call& call);
int run_soulseek_ignore(const soulseek_call& call);
int run_soulseek_note(const soulseek_call& call);

}  // namespace vsf::cli
