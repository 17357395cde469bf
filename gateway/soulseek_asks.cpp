#include "gateway/soulseek_asks.hpp"

#include "gateway/soulseek_parts.hpp"
#include "gateway/soulseek_social.hpp"

namespace vsf::gateway {
namespace {

json shown(const fb::SoulseekFile& f) {
  return {{"path", string_of(f.path())},
          {"size", f.size()},
          {"bitrate_kbps", f.bitrate_kbps()},
          {"duration_s", f.duration_s()},
          {"sample_rate_hz", f.sample_rate_hz()},
          {"bit_depth", f.bit_depth()},
          {"vbr", f.vbr()},
          {"restricted", f.restricted()}};
}
json shown(const fb::SoulseekTransfer& t) {
  return {{"id", t.id()},
          {"upload", t.upload()},
          {"user", string_of(t.user())},
          {"path", string_of(t.remote_path())},
          {"file", string_of(t.file())},
          {"size", t.size()},
          {"bytes_done", t.bytes_done()},
          {"rate_bytes_per_s", t.rate_bytes_per_s()},
          {"state", fb::EnumNameSoulseekTransferState(t.state())},
          {"place", t.place()},
          {"reason", string_of(t.reason())}};
}
json shown(const fb::SoulseekStatusAnswer& s) {
  return {{"state", fb::EnumNameSoulseekState(s.state())},
          {"reason", string_of(s.reason())},
          {"until_ms", s.until_ms()},
          {"username", string_of(s.username())},
          {"server", string_of(s.server())},
          {"listen", s.listen() == nullptr ? "" : to_string(from_fb(*s.listen()))},
          {"shared_files", s.shared_files()},
          {"shared_folders", s.shared_folders()},
          {"peer_links", s.peer_links()},
          {"parent", string_of(s.parent())},
          {"branch_level", s.branch_level()},
          {"branch_root", string_of(s.branch_root())},
          {"children", s.children()},
          {"downloads_active", s.downloads_active()},
          {"uploads_active", s.uploads_active()},
          {"uploads_queued", s.uploads_queued()},
          {"privileged_s", s.privileged_s()},
          {"server_answers", s.server_answers()},
          {"server_latency_ms", s.server_latency_ms()},
          {"away", s.away()}};
}
json shown(const fb::SoulseekResultsAnswer& r) {
  return {{"search", r.search()},
          {"text", string_of(r.text())},
          {"running", r.running()},
          {"users", r.users()},
          {"files", r.files()},
          {"dropped", r.dropped()},
          {"results", list_of(r.results(), [](const fb::SoulseekResult& u) {
             return json{{"user", string_of(u.user())},
                         {"free_slot", u.free_slot()},
                         {"speed_bytes_per_s", u.speed_bytes_per_s()},
                         {"queue", u.queue()},
                         {"files", list_of(u.files(), [](const auto& f) { return shown(f); })}};
           })}};
}
json shown(const fb::SoulseekBrowseAnswer& b) {
  return {{"user", string_of(b.user())},
          {"folders_total", b.folders_total()},
          {"files_total", b.files_total()},
          {"folders", list_of(b.folders(), [](const fb::SoulseekFolder& f) {
             return json{{"path", string_of(f.path())},
                         {"restricted", f.restricted()},
                         {"files", list_of(f.files(), [](const auto& x) { return shown(x); })}};
           })}};
}

unsigned status_of(const std::string& code) {
  if (code.starts_with("unknown_")) return 404;
  if (code == "unreachable" || code == "no_answer") return 504;
  return code == "busy" || code == "disabled" || code == "offline" ? 503 : 409;
}

}  // namespace

soulseek_answer soulseek_status(const request&, const std::string&) { return ask(fb::SoulseekStatusAskT{}); }
soulseek_answer soulseek_login(const request&, const std::string&) { return ask(fb::SoulseekLoginT{}); }
soulseek_answer soulseek_logout(const request&, const std::string&) { return ask(fb::SoulseekLogoutT{}); }

soulseek_answer soulseek_search(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  fb::SoulseekSearchAskT question;
  if (body.is_object()) {
    question.text = member(body, "text");
    question.user = member(body, "user");
    question.room = member(body, "room");
  }
  if (question.text.empty()) return bad("bad_body", R"(the body must be JSON like {"text": "..."})");
  return ask(std::move(question));
}

soulseek_answer soulseek_results(const request& asked, const std::string& search) {
  fb::SoulseekResultsAskT question;
  const auto number = number_of<std::uint32_t>(search);
  if (!number) return bad("bad_id", "a search is named by the number it began with");
  question.search = *number;
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_end_search(const std::string& search, bool keep) {
  fb::SoulseekSearchEndT question;
  question.keep = keep;
  const auto number = number_of<std::uint32_t>(search);
  if (!number) return bad("bad_id", "a search is named by the number it began with");
  question.search = *number;
  return ask(std::move(question));
}

soulseek_answer soulseek_away(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  if (!body.is_object() || !body.contains("away") || !body["away"].is_boolean())
    return bad("bad_body", R"(the body must be JSON like {"away": true})");
  fb::SoulseekAwayT question;
  question.away = body["away"].get<bool>();
  return ask(std::move(question));
}

soulseek_answer soulseek_move(const request& asked, const std::string& id) {
  const auto number = number_of<std::uint64_t>(id);
  const auto body = body_of(asked);
  if (!number) return bad("bad_id", "a transfer is named by its number");
  if (!body.is_object() || !body.contains("place") || !body["place"].is_number_unsigned() ||
      body["place"].get<std::uint64_t>() < 1 || body["place"].get<std::uint64_t>() > 1'000'000)
    return bad("bad_body", R"(the body must be JSON like {"place": 1}, which is next)");
  fb::SoulseekControlT question;
  question.id = *number;
  question.verb = fb::SoulseekVerb::move;
  question.place = body["place"].get<std::uint32_t>() - 1;
  return ask(std::move(question));
}

soulseek_answer soulseek_user(const request&, const std::string& user) {
  fb::SoulseekUserAskT question;
  question.user = user;
  return ask(std::move(question));
}

soulseek_answer soulseek_shares(const request& asked, const std::string& user) {
  fb::SoulseekBrowseAskT question;
  question.user = user;
  question.folder = text_of(asked, "folder");
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_downloads(const request& asked, const std::string&) {
  fb::SoulseekTransfersAskT question;
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}
soulseek_answer soulseek_uploads(const request& asked, const std::string&) {
  fb::SoulseekTransfersAskT question;
  question.uploads = true;
  if (!take_page(asked, question)) return bad("bad_page", page_help);
  return ask(std::move(question));
}

soulseek_answer soulseek_download(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  fb::SoulseekDownloadAskT question;
  if (body.is_object() && body.contains("folder")) {
    fb::SoulseekFolderAskT whole;
    whole.user = member(body, "user");
    whole.folder = member(body, "folder");
    if (whole.user.empty() || whole.folder.empty() || body.contains("path"))
      return bad("bad_body", R"(the body must be JSON like {"user": "...", "folder": "..."})");
    return ask(std::move(whole));
  }
  if (body.is_object()) {
    question.user = member(body, "user");
    question.path = member(body, "path");
    if (const auto size = body.find("size"); size != body.end() && size->is_number_unsigned())
      question.size = size->get<std::uint64_t>();
  }
  if (question.user.empty() || question.path.empty())
    return bad("bad_body", R"(the body must be JSON like {"user": "...", "path": "...", "size": 1})");
  return ask(std::move(question));
}

soulseek_answer soulseek_control(const std::string& id, fb::SoulseekVerb verb, bool upload) {
  fb::SoulseekControlT question;
  const auto number = number_of<std::uint64_t>(id);
  if (!number) return bad("bad_id", "a transfer is named by its number");
  question.id = *number;
  question.verb = verb;
  question.upload = upload;
  return ask(std::move(question));
}

soulseek_answer soulseek_message(const request& asked, const std::string&) {
  const auto body = body_of(asked);
  fb::SoulseekMessageAskT question;
  if (body.is_object()) {
    question.user = member(body, "user");
    question.room = member(body, "room");
    question.text = member(body, "text");
  }
  if (question.text.empty() || question.user.empty() == question.room.empty())
    return bad("bad_body", R"(the body must be JSON like {"user": "...", "text": "..."}, or with a room)");
  return ask(std::move(question));
}

response render_soulseek(const fb::SoulseekReply& reply) {
  if (const auto* x = reply.got_as_SoulseekStatusAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekSearchBegun()) return as_json({{"search", x->search()}}, 202);
  if (const auto* x = reply.got_as_SoulseekResultsAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekBrowseAnswer()) return as_json(shown(*x));
  if (const auto* x = reply.got_as_SoulseekUserAnswer())
    return as_json({{"user", string_of(x->user())},
                    {"description", string_of(x->description())},
                    {"picture_size", x->picture_size()},
                    {"upload_slots", x->upload_slots()},
                    {"queue", x->queue()},
                    {"free_slot", x->free_slot()}});
  if (const auto* x = reply.got_as_SoulseekTransfersAnswer())
    return as_json({{"total", x->total()},
                    {"transfers", list_of(x->transfers(), [](const auto& t) { return shown(t); })}});
  if (const auto* x = reply.got_as_SoulseekTransfer()) return as_json(shown(*x), 202);
  if (reply.got_as_SoulseekDone() != nullptr) return as_json({{"accepted", true}}, 202);
  if (const auto* x = reply.got_as_SoulseekProblem())
    return problem(status_of(string_of(x->code())), string_of(x->code()), string_of(x->text()));
  if (auto social = render_soulseek_social(reply)) return *std::move(social);
  return problem(500, "no_answer", "the Soulseek side gave an answer that can't be shown");
}

}  // namespace vsf::gateway
