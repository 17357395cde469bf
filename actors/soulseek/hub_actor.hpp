#pragma once

#include <caf/response_promise.hpp>

#include "actors/soulseek/distributed.hpp"
#include "actors/soulseek/interfaces_actor.hpp"
#include "actors/soulseek/searches.hpp"
#include "actors/soulseek/share_query.hpp"
#include "actors/soulseek/share_scan.hpp"
#include "actors/soulseek/soulseek_actor.hpp"
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
  void on_report(std::uint64_t round);
  void on_alarm(const alarm& message);
  void on_restart(const restart_child& message) { children_.on_restart(message); }

  static constexpr std::size_t max_waiting_answers = 64;
  static constexpr nanoseconds answer_timeout = std::chrono::seconds(60);

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
    enum class kind : std::uint8_t { browse, folder, info } what = kind::browse;
    std::string user, folder;
    std::uint32_t token = 0, offset = 0, limit = 0;
    nanoseconds until{0};
    reply_promise promise;
  };

  nanoseconds now() const { return supervisor::now(self_); }
  std::uint64_t unix_ms() const { return env_->unix_ms(now()); }
  const config::settings& settings() const { return env_->settings; }
  void schedule();
  void log(log_level level, const std::string& text) const { env_->log(level, "soulseek", text); }
  void tell_event(fb::EventKind kind, const std::string& subject, const std::string& text);

  // hub_links_actor.cpp: the server and the connections
  void add_children();
  void listen();
  void say_to_server_now(bytes message);
  void hear(const session_changed& e);
  void hear(const logged_in& e);
  void hear(const logged_out& e);
  void hear(const server_said& e);
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
  void act(const search_result&) {}
  void act(const search_full& e) { log(log_level::info, e.why); }
  void act(const search_ended&) {}
  void act(const search_forgotten&) {}
  void act(const answer_search& e);
  void link_lost(link_id id);
  void send_to_user(const std::string& user, shared_bytes message);

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
  void answer_peer(const std::string& user, const peer::message& message);
  void on_file_link(const for_upload& why, link_id link);
  shared_bytes share_list();
  file described(share_file_id id, bool whole_path) const;

  // hub_asks_actor.cpp: what people want
  struct asks;
  void answer_waiting(const std::string& user, const peer::message& message);
  void expire_waiting();

  hub_pointer self_;
  owner_address me_;
  environment_ptr env_;
  supervisor::child_set children_;
  component_links links_;
  supervisor::single_alarm timer_;
  session_actor session_;
  desk_actor desk_;
  lister_actor lister_;
  std::shared_ptr<net::stream_listener> listener_;
  std::string listen_problem_;

  session_changed state_;
  std::string user_;  // online as
  std::uint32_t privileged_s_ = 0;
  peer_dialer dialer_;
  distributed_tree tree_;
  searches searches_;
  downloads downloads_;
  uploads uploads_;
  share_scan shares_;
  share_search finder_;
  std::uint64_t scan_ = 0;
  std::optional<nanoseconds> rescan_at_;
  shared_bytes share_list_;
  std::uint64_t share_list_revision_ = ~std::uint64_t{0};

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
  std::uint64_t desk_problems_ = 0, answers_refused_ = 0;
};

}  // namespace vsf::soulseek
