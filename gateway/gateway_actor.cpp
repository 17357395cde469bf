#include "gateway/gateway_actor.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include "actors/supervisor/child_set_actor.hpp"
#include "gateway/render.hpp"
#include "gateway/soulseek_asks.hpp"
#include "storage/event_store.hpp"
#include "storage/library_store.hpp"

namespace vsf::gateway {

namespace {

using namespace std::chrono_literals;
using self_pointer = gateway_actor::stateful_pointer<gateway_state>;
using reply = std::function<void(response)>;

constexpr auto ask_timeout = 5s;
// The resolver answers within 5 s; what it found at the last moment shall still get through.
constexpr auto resolve_timeout = 6s;
// Some answers come from another user.
constexpr auto soulseek_timeout = 65s;

response not_up() {
  return problem(503, "mesh_not_up",
                 "the mesh of this node is not up: its id puzzle is being solved, or mesh.enabled is off");
}
response no_answer(const std::string& who) {
  return problem(503, "no_answer", who + " did not answer within 5 s; it may be restarting: ask again");
}

/// Why a component refused, in its own words; without any it did not answer.
response refused(const std::string& who, const caf::error& why) {
  const auto& words = why.context();
  const bool told = words.size() == 1 && words.match_element<std::string>(0);
  if (told && why == caf::sec::invalid_argument)
    return problem(404, "no_such_download", words.get_as<std::string>(0));
  if (told && why == caf::sec::runtime_error) return problem(409, "refused", words.get_as<std::string>(0));
  return no_answer(who);
}

/// Asks a component and renders its answer.
template <class Answer, class Handle, class Question, class Render>
void ask(self_pointer self, const Handle& whom, Question question, const std::string& who, const reply& done,
         Render render) {
  if (!whom) return done(not_up());
  self->request(whom, ask_timeout, std::move(question))
      .then([done, render](const Answer& answer) { done(render(answer)); },
            [done, who](const caf::error& why) { done(refused(who, why)); });
}

void resolve(self_pointer self, const want_resolve& what,
             std::function<void(const record<fb::ResolveResult>&)> answer, const reply& give_up) {
  auto& st = self->state;
  if (!st.links.resolver) return give_up(not_up());
  if (st.resolves.size() >= gateway_state::max_resolves)
    return give_up(problem(503, "busy", "too many resolves at once; ask again"));
  const auto id = st.next_id++;
  st.resolves[id] = {std::move(answer), give_up};
  fb::ResolveT question;
  question.id = id;
  question.mbid = box(what.id);
  question.kind = what.kind;
  question.fresh = what.fresh;
  self->send(st.links.resolver, record<fb::Resolve>::pack(question), resolve_client_actor(self));
  self->delayed_send(self, resolve_timeout, alarm{id});
}

bool contains_folded(const flatbuffers::String* text, const std::string& words) {
  if (text == nullptr) return false;
  const auto view = text->string_view();
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  return std::search(view.begin(), view.end(), words.begin(), words.end(), same) != view.end();
}

std::vector<record<fb::FileEntry>> own_matches(const environment& env, const want_search& what) {
  std::vector<record<fb::FileEntry>> out;
  const auto id = parse_mbid(what.text);
  const storage::library_store library(env.store);
  const auto read = library.for_each([&](const record<fb::FileEntry>& file) {
    const bool named = contains_folded(file->title(), what.text) ||
                       contains_folded(file->artist(), what.text) ||
                       contains_folded(file->album(), what.text);
    const bool same = id && file->recording() != nullptr && from_fb<mbid>(*file->recording()) == *id;
    if (id ? same : named) out.push_back(file);
    return out.size() < what.limit;
  });
  if (!read) env.log(log_level::warning, "gateway", read.error().message);
  return out;
}

response list_library(const environment& env, const want_library& what) {
  std::vector<record<fb::FileEntry>> files;
  bool more = false;
  const storage::library_store library(env.store);
  const auto read = library.for_each(
      [&](const record<fb::FileEntry>& file) {
        if (string_of(file->path()) == what.after) return true;
        if (files.size() == what.limit) {
          more = true;
          return false;
        }
        files.push_back(file);
        return true;
      },
      what.after);
  return read ? render_library(files, more) : problem(500, "store", read.error().message);
}

struct performer {
  self_pointer self;
  reply done;

  void status(response (*render)(const fb::NodeStatus&)) {
    ask<record<fb::NodeStatus>>(self, self->state.links.telemetry, status_request{}, "telemetry", done,
                                [render](const record<fb::NodeStatus>& s) { return render(*s); });
  }
  void operator()(want_health) { status(render_health); }
  void operator()(want_metrics) { status(render_metrics); }
  void operator()(want_status) { status(render_status); }
  void operator()(const want_resolve& what) {
    resolve(
        self, what, [reply_to = done](const record<fb::ResolveResult>& r) { reply_to(render_resolve(*r)); },
        done);
  }
  void operator()(const want_downloads& what) {
    ask<record<fb::TransferList>>(self, self->state.links.swarm, list_transfers{what.offset, what.limit},
                                  "the swarm", done, [what](const record<fb::TransferList>& list) {
                                    return render_transfers(*list, what.offset, what.limit);
                                  });
  }
  /// Finds one transfer in the list and renders it.
  template <class Render>
  void one_transfer(const std::string& id, Render render) {
    ask<record<fb::TransferList>>(self, self->state.links.swarm, list_transfers{0, 1, id}, "the swarm", done,
                                  [id, render](const record<fb::TransferList>& list) {
                                    if (list->transfers() != nullptr && list->transfers()->size() == 1)
                                      return render(*list->transfers()->Get(0));
                                    return problem(404, "no_such_download", "there is no download " + id);
                                  });
  }
  void operator()(const want_download& what) {
    one_transfer(what.id, [](const fb::TransferStatus& t) { return render_transfer(t); });
  }
  void operator()(const want_content& what) {
    one_transfer(what.id, [](const fb::TransferStatus& t) {
      if (t.state() != fb::TransferState::done)
        return problem(409, "not_finished",
                       "this download has not finished; ask again when its state is done");
      response out;
      out.content_type = "application/octet-stream";
      out.finished_download = string_of(t.path());
      const auto name = out.finished_download->substr(out.finished_download->rfind('/') + 1);
      out.headers.emplace_back("X-File-Name", name);
      return out;
    });
  }
  void operator()(const want_fetch& what) {
    fb::FetchStartT start;
    start.mbid = box(what.id);
    start.priority = what.priority;
    ask<record<fb::TransferStatus>>(
        self, self->state.links.swarm, record<fb::FetchStart>::pack(start), "the swarm", done,
        [](const record<fb::TransferStatus>& t) { return render_transfer(*t, 202); });
  }
  void operator()(const want_control& what) {
    fb::FetchControlT control;
    control.transfer = what.id;
    control.verb = what.verb;
    control.priority = what.priority;
    control.place = what.place;
    ask<record<fb::TransferStatus>>(self, self->state.links.swarm, record<fb::FetchControl>::pack(control),
                                    "the swarm", done,
                                    [](const record<fb::TransferStatus>& t) { return render_transfer(*t); });
  }
  void operator()(want_limits) {
    ask<record<fb::TransferLimits>>(self, self->state.links.swarm, limits_request{}, "the swarm", done,
                                    [](const record<fb::TransferLimits>& l) { return render_limits(*l); });
  }
  void operator()(const want_new_limits& what) {
    ask<record<fb::TransferLimits>>(self, self->state.links.swarm, record<fb::TransferLimits>::pack(what.all),
                                    "the swarm", done,
                                    [](const record<fb::TransferLimits>& l) { return render_limits(*l); });
  }
  void operator()(const want_library& what) { done(list_library(*self->state.env, what)); }
  void operator()(want_rescan) {
    if (!self->state.links.library) return done(no_answer("the library"));
    self->send(self->state.links.library, rescan{});
    done({202, "application/json", R"({"accepted":true})"});
  }
  void operator()(const want_search& what) {
    auto own = own_matches(*self->state.env, what);
    const auto id = parse_mbid(what.text);
    if (!id) return done(render_search(what.text, own, {}));
    resolve(
        self, want_resolve{*id, fb::LeafKind::recording, false},
        [reply_to = done, own, text = what.text](const record<fb::ResolveResult>& r) {
          reply_to(render_search(text, own, r));
        },
        done);
  }
  void operator()(const want_events& what) {
    const storage::event_store events(self->state.env->store);
    const auto newest = events.newest(what.limit);
    done(newest ? render_events(*newest) : problem(500, "store", newest.error().message));
  }
  void operator()(const want_soulseek& what) {
    const auto& soulseek = self->state.links.soulseek;
    if (!soulseek)
      return done(problem(503, "disabled", "Soulseek is off: set soulseek.enabled, username and password"));
    self->request(soulseek, soulseek_timeout, what.ask)
        .then([done = done](const record<fb::SoulseekReply>& answer) { done(render_soulseek(*answer)); },
              [done = done](const caf::error&) { done(no_answer("the Soulseek side")); });
  }
  void operator()(want_event_stream) {
    done(problem(426, "websocket_only",
                 "events come over a WebSocket; the history is at /api/v1/events/history"));
  }
};

}  // namespace

gateway_actor::behavior_type gateway(self_pointer self, environment_ptr env) {
  supervisor::prepare(self);
  self->state.env = std::move(env);
  return {
      [=](const http_query& query) {
        std::visit(performer{self, query.done}, query.what);
      },
      [=](const event_sink& sink) { self->state.sink = sink; },
      [=](const record<fb::Event>& event) {
        if (self->state.sink.deliver) self->state.sink.deliver(event_json(*event));
      },
      [=](const record<fb::ResolveResult>& found) {
        auto node = self->state.resolves.extract(found->id());
        if (!node.empty()) node.mapped().answer(found);
      },
      [=](const component_links& links) {
        const bool new_telemetry = links.telemetry != self->state.links.telemetry;
        self->state.links = links;
        if (new_telemetry) self->send(links.telemetry, subscribe{event_client_actor(self)});
      },
      [=](const alarm& message) {
        auto node = self->state.resolves.extract(message.id);
        if (!node.empty()) node.mapped().give_up(no_answer("the resolver"));
      },
  };
}

}  // namespace vsf::gateway
