#pragma once

#include <caf/response_promise.hpp>

#include "actors/soulseek/chat.hpp"
#include "actors/soulseek/distributed.hpp"
#include "actors/soulseek/folder_fetch.hpp"
#include "actors/soulseek/interests.hpp"
#include "actors/soulseek/interfaces_actor.hpp"
#include "actors/soulseek/people.hpp"
#include "actors/soulseek/receive_pace.hpp"
#include "actors/soulseek/rooms.hpp"
#include "actors/soulseek/searches.hpp"
#include "actors/soulseek/share_list.hpp"
#include "actors/soulseek/share_query.hpp"
#include "actors/soulseek/share_scan.hpp"
#include "actors/soulseek/soulseek_actor.hpp"
#include "actors/soulseek/wishes.hpp"
#include "actors/supervisor/child_set_actor.hpp"

namespace vsf::soulseek {

using hub_pointer = soulseek_actor::stateful_pointer<soulseek_state>;
using reply_promise = caf::typed_response_promise<record<fb::SoulseekReply>>;

/// Brings the parts of the component together: what one of them wants done is done by another. Its logic is
/// in session, peer_dialer, distributed, searches, downloads, uploads and share_scan; here is only who talks
/// to whom.
class hub {
 public:
  hub(hub_pointer self, environment_ptr env);
  ~hub();
  hub(const hub&) = delete;
  hub& operator=(const hub&) = delete;

  void start();
  void on_news(const news& what);
  reply_promise on_ask(const record<fb::SoulseekAsk>& ask);
  void on_library(const fb::LibraryChanged& change);
  void on_links(const component_links& links);
  void on_ports_mapped(const net::mapping_report& report);
  void on_report(std::uint64_t round);
  void on_alarm(const alarm& message);
  void on_restart(const restart_child& message) { children_.on_restart(message); }

  static constexpr std::size_t max_waiting_answers = 64;
  static constexpr nanoseconds answer_timeout = std::chrono::seconds(60);
  static constexpr std::uint32_t max_repeats = 2;  // of a question

 private:
  // What a dialer's ticket is for.
  struct for_message {
    std::string user;
  };
  struct for_peer_link {
    std::string user;
  };
  struct for_upload {
    uploads::upload_id id = 0;
  };
  struct for_parent {
    std::uint64_t candidate = 0;
  };
  using purpose = std::variant<for_message, for_peer_link, for_upload, for_parent>;
  struct live_link {
    link_actor actor;
    supervisor::child_mark mark;
    endpoint remote;
  };
  struct serving {
    link_id link = 0;
    std::uint32_t token = 0;
    std::string local;
  };
  struct receiving {
    downloads::take_file what;
    std::uint64_t offset_bytes = 0;  // of the next byte
    bool open = false;
  };
  struct waiting_answer {
    enum class kind : std::uint8_t { browse, folder, info, fetch, fetch_rest } what = kind::browse;
    std::string user, folder;
    std::uint32_t token = 0, offset = 0, limit = 0;
    nanoseconds until{0};
    shared_bytes question{};
    ticket_id ticket = 0;  // in purposes_ until a link took the question
    std::uint32_t repeats = 0;
    nanoseconds again{0};  // when the question is repeated if nothing came
    reply_promise promise;
    fb::SoulseekBrowseAnswerT shares{};  // what has come of them

    nanoseconds patience() const { return std::chrono::seconds(what == kind::info ? 3 : 15); }
    std::optional<folder_fetch> fetch{};
    fb::SoulseekFolderAnswerT fetched{};
  };
  // What is asked of the server, whose answers have no number.
  struct server_question {
    enum class kind : std::uint8_t {
      for_likes,
      for_everybody,
      for_item,
      similar,
      similar_in_item,
      interests_of
    };
    kind what = kind::for_likes;
    std::string about;
    nanoseconds until{0};
    reply_promise promise;
  };
  struct asking {
    const fb::SoulseekWantUnion& want;
    reply_promise promise;
    bool later = false;  // the promise is kept by somebody
  };
  using maybe_reply = std::optional<record<fb::SoulseekReply>>;

  nanoseconds now() const { return supervisor::now(self_); }
  std::uint64_t unix_ms() const { return env_->unix_ms(now()); }
  const config::settings& settings() const { return env_->settings; }
  void schedule();
  void log(log_level level, const std::string& text) const { env_->log(level, "soulseek", text); }
  void tell_event(fb::EventKind kind, const std::string& subject, const std::string& text);

  // hub_listening_actor.cpp: where others reach us
  void listen();
  result<std::shared_ptr<net::stream_listener>> listen_at(const endpoint& at, bool obfuscated);
  void tell_ports();
  void ask_for_mapping();
  std::uint16_t outside_port(const std::shared_ptr<net::stream_listener>& listener) const;

  // hub_links_actor.cpp: the server and the connections
  void add_children();
  void say_to_server_now(bytes message);
  void hear(const session_changed& e);
  void hear(const logged_in& e);
  void hear(const logged_out& e);
  void hear(const server_said& e);
  void hear(const probe_result& e);
  void hear(const session_counted& e) { session_counted_ = e.counters; }
  void hear(const peer_connected& e);
  void hear(const peer_accepted& e);
  void hear(const init_came& e);
  void hear(const peer_said& e);
  void hear(const tree_said& e);
  void hear(const link_took& e);
  void hear(const link_ended& e);
  void add_link(link_id id, std::shared_ptr<net::stream_link> stream, bool accepted, bool obfuscated);
  void order(link_id id, link_order what);
  void take(dialer_effects effects);
  void take(tree_effects effects);
  void take(search_effects effects);
  void act(const tell_server& e) { say_to_server_now(e.message); }
  void act(const connect_peer& e);
  void act(const write_link& e);
  void act(const send_link& e);
  void act(const close_link& e);
  void act(const link_opened& e);
  void act(const link_over& e);
  void act(const link_ready& e);
  void act(const dial_failed& e);
  void act(const message_taken& e) { purposes_.erase(e.ticket); }
  void act(const request_parent& e);
  void act(const cancel_parent& e);
  void act(const search_heard& e);
  void act(const place_changed&) {}
  void act(const search_sent&) {}
  void act(const search_result& e);
  void act(const search_full& e) { log(log_level::info, e.why); }
  void act(const search_ended&) {}
  void act(const search_forgotten&) {}
  void act(const answer_search& e);
  void link_lost(link_id id);
  ticket_id send_to_user(const std::string& user, shared_bytes message);

  // hub_server_actor.cpp: what the server says
  struct server_ear;

  // hub_transfers_actor.cpp: shares, uploads and downloads
  void rescan();
  void shares_changed();
  void hear(const file_token_came& e);
  void hear(const file_offset_came& e);
  void hear(const file_bytes_came& e);
  void hear(const chunk_written& e);
  void hear(const piece_read& e);
  void hear(const partial_opened& e);
  void hear(const piece_written& e);
  void hear(const partial_finished& e);
  void hear(const desk_problem& e);
  void hear(const rows_read& e);
  void hear(const files_listed& e);
  void hear(const listing_over& e);
  void hear(const files_described& e);
  void hear(const shares_came& e);
  void hear(const list_turn& e);
  void take(downloads::effects effects);
  void take(uploads::effects effects);
  void act(const downloads::say& e);
  void act(const downloads::need_link& e);
  void act(const downloads::watch& e);
  void act(const downloads::take_file& e);
  void act(const downloads::close_file& e);
  void act(const downloads::finish_file& e);
  void act(const downloads::set_aside& e);
  void act(const downloads::discard& e);
  void act(const downloads::store& e);
  void act(const downloads::erase& e);
  void act(const downloads::tell& e) { tell_transfer(e.how); }
  void act(const downloads::note& e) { log(log_level::info, e.text); }
  void act(const uploads::say& e);
  void act(const uploads::look_up& e);
  void act(const uploads::open_file_link& e);
  void act(const uploads::send_bytes& e);
  void act(const uploads::close_file_link& e);
  void act(const uploads::report_speed& e);
  void act(const uploads::tell& e) { tell_transfer(e.how); }
  void act(const uploads::note& e) { log(log_level::info, e.text); }
  void tell_transfer(const fb::SoulseekTransferT& how);
  void answer_peer(const std::string& user, const endpoint& from, const peer::message& message);
  void on_file_link(const for_upload& why, link_id link);
  void give_list(const std::string& user);
  void work_on_lists();
  file described(share_file_id id, bool whole_path) const;

  // hub_asks_actor.cpp: what people want
  struct asks;
  void answer_waiting(const std::string& user, const peer::message& message);
  void on_unreachable(const std::string& user, const std::string& text);
  void put_question(const std::string& user, const shared_bytes& question);
  template <class Which>
  void repeat_questions(Which which);
  void on_peer_link_over(const std::string& user);
  void expire_waiting();
  void answered(waiting_answer& w, record<fb::SoulseekReply> with);
  downloads::effects take_folders(waiting_answer& w, const std::vector<folder>& folders);
  record<fb::SoulseekReply> fetched(waiting_answer& w);
  record<fb::SoulseekReply> fetched_or(waiting_answer& w, record<fb::SoulseekReply> otherwise);

  // hub_talk_actor.cpp: messages and rooms
  maybe_reply ask_talk(asking& a);
  record<fb::SoulseekReply> say_message(const fb::SoulseekMessageAskT& ask);
  void take(social_effects effects);
  void act(const keep_social& e) { self_->send(desk_, desk_job{e}); }
  void act(const forget_social& e) { self_->send(desk_, desk_job{e}); }
  void act(const social_event& e);
  void hear(const social_kept& e);
  void restore_social(const std::vector<record<fb::SoulseekRow>>& rows);
  void social_online();
  void social_offline();

  // hub_people_actor.cpp: interests and people
  maybe_reply ask_people(asking& a);
  maybe_reply ask_interests(asking& a);
  record<fb::SoulseekReply> ask_server(asking& a, server_question::kind what, const std::string& about,
                                       bytes message);
  void answer_questions(server_question::kind what, const std::string& about, record<fb::SoulseekReply> with);
  void expire_questions();
  void hear_social(const from_server::recommendations& m);
  void hear_social(const from_server::global_recommendations& m);
  void hear_social(const from_server::item_recommendations& m);
  void hear_social(const from_server::similar_users& m);
  void hear_social(const from_server::item_similar_users& m);
  void hear_social(const from_server::user_interests& m);
  void people_changed();

  // hub_wishes_actor.cpp: wishes and limits
  maybe_reply ask_wishes(asking& a);
  record<fb::SoulseekReply> add_wish(const fb::SoulseekWishAskT& ask);
  result<void> begin_wish(wishes::wish_id id);
  void set_limits(const fb::SoulseekLimitsSetT& to);
  void grant_paid();

  hub_pointer self_;
  owner_address me_;
  environment_ptr env_;
  supervisor::child_set children_;
  component_links links_;
  supervisor::single_alarm timer_;
  session_actor session_;
  desk_actor desk_;
  lister_actor lister_;
  std::shared_ptr<net::stream_listener> listener_, hidden_listener_;
  std::map<std::uint16_t, std::uint16_t> mapped_;  // our port -> the router's
  std::string listen_problem_;
  std::optional<nanoseconds> relisten_at_;

  session_changed state_;
  std::string user_;  // online as
  std::uint32_t privileged_s_ = 0;
  probe_result probed_;
  std::optional<nanoseconds> probe_at_;  // while online
  bool away_ = false;
  peer_dialer dialer_;
  distributed_tree tree_;
  searches searches_;
  downloads downloads_;
  uploads uploads_;
  share_scan shares_;
  share_search finder_;
  std::uint64_t scan_ = 0;
  std::optional<nanoseconds> rescan_at_;
  share_lists lists_;
  bool list_turn_under_way_ = false;

  std::map<link_id, live_link> live_;
  std::map<link_id, bool> connecting_;  // whether it is to be obfuscated
  std::map<ticket_id, purpose> purposes_;
  std::map<std::uint64_t, ticket_id> parent_tickets_;
  ticket_id next_ticket_ = 1;
  std::map<uploads::upload_id, serving> serving_;
  std::map<link_id, uploads::upload_id> upload_of_;
  std::map<link_id, receiving> receiving_;
  std::vector<waiting_answer> waiting_;
  std::uint32_t next_token_ = 1;

  chat chat_;
  rooms rooms_;
  wishes wishes_;
  interests interests_;
  people people_;
  fb::SoulseekLimitsT limits_;
  receive_pace pace_{0};
  std::vector<server_question> questions_;
  bool restored_ = false;  // what was stored is here
  session_counters session_counted_{};
  std::uint64_t desk_problems_ = 0, answers_refused_ = 0;
};

}  // namespace vsf::soulseek
