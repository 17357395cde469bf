#include "actors/soulseek/link_actor.hpp"

#include "actors/soulseek/stream_writer.hpp"
#include "actors/supervisor/child_set_actor.hpp"
#include "net/soulseek/frame_splitter.hpp"
#include "net/soulseek/obfuscation.hpp"
#include "net/soulseek/shares.hpp"

namespace vsf::soulseek {

using self_pointer = link_actor::stateful_pointer<link_state>;

namespace {

constexpr std::size_t read_ahead = 8;    // chunks
constexpr std::size_t pieces_ahead = 4;  // of a long message, 64 KiB each
// Of a share list that comes, before it is told of: whichever is more.
constexpr std::size_t folders_of_a_part = 256, files_of_a_part = 4096;

template <class Message>
void tell(const caf::actor_addr& weak, Message message) {
  if (const auto strong = caf::actor_cast<caf::strong_actor_ptr>(weak))
    caf::anon_send(caf::actor_cast<link_actor>(strong), std::move(message));
}

}  // namespace

/// Turns a stream of bytes into what it means: an init message, messages, or a file.
class link_runner {
 public:
  link_runner(self_pointer self, environment_ptr env, owner_address owner, link_setup setup)
      : self_(self),
        env_(std::move(env)),
        owner_(std::move(owner)),
        setup_(std::move(setup)),
        splitter_(init_frame_limit, narrow_code),
        hide_(*env_->random) {}
  ~link_runner() {
    if (setup_.stream) setup_.stream->close();
  }
  link_runner(const link_runner&) = delete;
  link_runner& operator=(const link_runner&) = delete;

  void start() {
    const auto me = self_->address();
    setup_.stream->start({[me](frame packet) { tell(me, packet_received{std::move(packet)}); },
                          [me] { tell(me, link_writable{}); },
                          [me](std::string why) { tell(me, link_closed{std::move(why)}); }});
    setup_.stream->grant(read_ahead);
  }
  void on_order(const link_order& order) {
    std::visit([this](const auto& what) { carry_out(what); }, order.what);
  }
  void on_packet(const frame& packet) {
    if (role_ == phase::file) return on_file_bytes(packet);
    credit_ = read_credit(nullptr, [stream = setup_.stream](void*) { stream->grant(1); });
    byte_view raw = packet.view();
    while (!raw.empty() && !ended_) {
      const auto before = role_;
      feed(raw);
      if (role_ == before) break;
    }
    credit_.reset();
  }
  void on_writable() { pump(); }
  void on_closed(const std::string& why) {
    if (!std::exchange(ended_, true)) tell_owner(owner_, link_ended{setup_.id, why});
    self_->quit();
  }

 private:
  enum class phase : std::uint8_t { greeting, greeted, peer, tree, file };

  /// Takes what the present phase wants of these bytes.
  void feed(byte_view& raw) {
    if (role_ == phase::greeted) {
      // The init message is being judged; what follows waits, within what was granted.
      held_.insert(held_.end(), raw.begin(), raw.end());
      held_credits_.push_back(credit_);
      raw = {};
      return;
    }
    if (setup_.obfuscated && role_ != phase::tree) {
      const auto plain = role_ == phase::greeting ? reveal_.feed_one(raw) : reveal_.feed(raw);
      if (role_ != phase::greeting) raw = {};
      splitter_.feed(plain);
    } else {
      splitter_.feed(raw);
      raw = {};
    }
    take_frames();
  }
  void take_frames() {
    while (!ended_) {
      if (takes_list()) continue;
      const auto next = list_ ? std::nullopt : splitter_.next();
      if (!next) break;
      on_frame(*next);
      if (role_ == phase::greeted) {
        const auto rest = splitter_.drain();
        held_.insert(held_.end(), rest.begin(), rest.end());
        return;
      }
    }
    if (splitter_.error())
      end("it sent what isn't this protocol: " + std::string(to_string(*splitter_.error())));
  }
  /// A share list is read as it comes, however long it is. True: it is over, look on.
  bool takes_list() {
    if (!list_) {
      const auto head = role_ == phase::peer ? splitter_.front() : std::nullopt;
      if (!head || head->code != peer::shared_file_list_response::code || !splitter_.stream_front())
        return false;
      list_.emplace([this](folder&& part, bool is_private) {
        const bool full = parts_.size() >= folders_of_a_part || files_ >= files_of_a_part;
        if (is_private != restricted_ || full) tell_parts(false, std::nullopt);
        restricted_ = is_private;
        files_ += part.files.size();
        parts_.push_back(std::move(part));
      });
      list_fault_.reset();
    }
    if (const auto fed = list_->feed(splitter_.take()); !fed) list_fault_ = fed.error();
    if (splitter_.streaming() > 0) return false;
    if (const auto over = list_->finish(); !over && !list_fault_) list_fault_ = over.error();
    tell_parts(true, list_fault_);
    list_.reset();
    return true;
  }
  void tell_parts(bool last, std::optional<fault> broken) {
    if (parts_.empty() && !last) return;
    files_ = 0;
    tell_owner(owner_, shares_came{setup_.id, std::exchange(parts_, {}), restricted_, last, broken, credit_});
  }
  void on_frame(byte_view message) {
    switch (role_) {
      case phase::greeting:
        role_ = phase::greeted;
        return tell_owner(owner_, init_came{setup_.id, to_bytes(message)});
      case phase::peer: {
        auto decoded = decode_peer(message);
        // One message that can't be read doesn't spoil those behind it.
        if (decoded) tell_owner(owner_, peer_said{setup_.id, std::move(*decoded), credit_});
        return;
      }
      case phase::tree:
        return tell_owner(owner_, tree_said{setup_.id, to_bytes(message), credit_});
      case phase::greeted:
      case phase::file:
        return;
    }
  }
  void on_file_bytes(const frame& packet) {
    // First a token (4 bytes) or an offset (8), then the file. Whoever receives the file grants more.
    if (file_head_ == 0) return tell_owner(owner_, file_bytes_came{setup_.id, packet});
    const auto raw = packet.view();
    const auto used = std::min(file_head_, raw.size());
    head_.insert(head_.end(), raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(used));
    file_head_ -= used;
    if (file_head_ == 0) {
      if (receives_)
        tell_owner(owner_, file_token_came{setup_.id, decode_token(head_).value_or(0)});
      else
        tell_owner(owner_, file_offset_came{setup_.id, decode_offset(head_).value_or(0)});
    }
    if (used < raw.size())
      tell_owner(owner_, file_bytes_came{setup_.id, frame::copy_of(raw.subspan(used))});
    else
      setup_.stream->grant(1);
  }

  void carry_out(const write_message& e) {
    if (tail_)
      behind_.push_back(e);
    else
      begin(e);
    pump();
  }
  void begin(const write_message& e) {
    const bool hidden = setup_.obfuscated && (e.init || role_ == phase::peer);
    marks_.push_back({e.counted && !e.init, 0, 0});
    tail_ = e.message.tail();
    tail_at_ = 0;
    hidden_tail_.reset();
    if (!tail_) {
      if (hidden)
        writer_.add(byte_view(hide_.wrap(*e.message)));
      else
        writer_.add(byte_view(*e.message));
      return;
    }
    if (hidden) {
      hidden_tail_.emplace(*env_->random);
      writer_.add_part(frame::copy_of(hidden_tail_->key()), false);
    }
    writer_.add_part(as_sent(frame::copy_of(*e.message)), false);
  }
  /// Of a message with a tail.
  frame as_sent(const frame& plain) {
    if (!hidden_tail_) return plain;
    auto out = frame::allocate(plain.size());
    hidden_tail_->hide(plain.view(), out.mutable_data());
    return out;
  }
  /// The writer holds a few pieces of a long message, and then what waits behind it.
  void fill() {
    for (;;) {
      while (tail_ && writer_.pieces() < pieces_ahead) {
        const bool last = tail_at_ + 1 == tail_->size();
        writer_.add_part(as_sent((*tail_)[tail_at_++]), last);
        if (last) tail_.reset();
      }
      if (tail_ || behind_.empty()) return;
      const auto next = std::move(behind_.front());
      behind_.pop_front();
      begin(next);
    }
  }
  void carry_out(const take_role& e) {
    receives_ = e.receives_file;
    if (e.type == connection_type::file) {
      role_ = phase::file;
      file_head_ = receives_ ? token_size : offset_size;
    } else {
      role_ = e.type == connection_type::peer ? phase::peer : phase::tree;
      splitter_ = e.type == connection_type::peer ? frame_splitter(peer_frame_limit, wide_code)
                                                  : frame_splitter(distributed_frame_limit, narrow_code);
    }
    const auto held = std::exchange(held_, {});
    const auto credits = std::exchange(held_credits_, {});
    if (held.empty()) return;
    if (role_ == phase::file) return on_file_bytes(frame::copy_of(held));
    credit_ = credits.empty() ? nullptr : credits.back();
    byte_view raw = held;
    feed(raw);
    credit_.reset();
  }
  void carry_out(const write_raw& e) {
    writer_.add(byte_view(e.data));
    marks_.push_back({});
    pump();
  }
  void carry_out(const write_chunk& e) {
    marks_.push_back({false, e.upload, static_cast<std::uint32_t>(e.data.size())});
    writer_.add(e.data);
    pump();
  }
  void carry_out(const grant_chunks& e) { setup_.stream->grant(e.count); }
  void carry_out(const end_link&) {
    // The owner knows.
    ended_ = true;
    pump();
    setup_.stream->close();
  }

  void pump() {
    std::size_t messages = 0;
    bool progress = false;
    do {
      fill();
      const auto before = writer_.pieces();
      for (auto whole = writer_.pump(*setup_.stream); whole > 0; --whole) {
        const auto done = marks_.front();
        marks_.pop_front();
        if (done.message) ++messages;
        if (done.upload != 0) tell_owner(owner_, chunk_written{setup_.id, done.upload, done.length_bytes});
      }
      progress = progress || writer_.pieces() < before;
    } while (writer_.empty() && tail_);
    // A long message counts as taken at its end, and as alive till then.
    if (messages > 0 || (tail_ && progress)) tell_owner(owner_, link_took{setup_.id, messages});
  }
  void end(const std::string& why) {
    if (!std::exchange(ended_, true)) tell_owner(owner_, link_ended{setup_.id, why});
    setup_.stream->close();
  }

  /// What is told when the stream took a message.
  struct mark {
    bool message = false;
    uploads::upload_id upload = 0;
    std::uint32_t length_bytes = 0;
  };

  self_pointer self_;
  environment_ptr env_;
  owner_address owner_;
  link_setup setup_;
  phase role_ = phase::greeting;
  frame_splitter splitter_;
  obfuscator hide_;
  deobfuscator reveal_;
  stream_writer writer_;
  shared_bytes::pieces tail_;  // of a long message that is being sent
  std::size_t tail_at_ = 0;
  std::optional<obfuscated_message> hidden_tail_;
  std::deque<write_message> behind_;  // as many as the dialer hands over at a time
  std::deque<mark> marks_;
  bytes held_, head_;
  read_credit credit_;  // of the chunk that is being looked at
  std::vector<read_credit> held_credits_;
  std::optional<shares_reader> list_;  // a share list that is under way
  std::vector<folder> parts_;
  std::size_t files_ = 0;  // of these
  bool restricted_ = false;
  std::optional<fault> list_fault_;
  std::size_t file_head_ = 0;
  bool receives_ = false;
  bool ended_ = false;
};

link_state::link_state() = default;
link_state::~link_state() = default;

link_actor::behavior_type link(self_pointer self, environment_ptr env, owner_address owner,
                               link_setup setup) {
  supervisor::prepare(self);
  self->state.runner =
      std::make_unique<link_runner>(self, std::move(env), std::move(owner), std::move(setup));
  self->state.runner->start();
  const auto run = [self]() -> link_runner& { return *self->state.runner; };
  return {
      [run](const link_order& m) { run().on_order(m); },
      [run](const packet_received& m) { run().on_packet(m.packet); },
      [run](link_writable) { run().on_writable(); },
      [run](const link_closed& m) { run().on_closed(m.reason); },
  };
}

}  // namespace vsf::soulseek
