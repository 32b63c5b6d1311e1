// `postroad queue move`: messages from one running server to another one on this machine.
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <optional>
#include <thread>
#include <unordered_set>
#include <utility>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/queue_requests.hpp"
#include "daemon/exported_envelope.hpp"

namespace postroad::cli {

namespace {

using daemon::QueueSelection;
using daemon::RunningServer;
using Sink = RunningServer::Sink;

constexpr std::chrono::milliseconds look_again{50};

// Without a hold it could be attempted here while it is copied.
bool is_held(const spool::Envelope& envelope) {
  return std::none_of(envelope.recipients.begin(), envelope.recipients.end(), [](const auto& one) {
    return one.state == spool::State::pending && !one.is_held;
  });
}

// The messages of one `queue move`. Each is held here before it is copied, and held there until it
// is removed here: at no time do both servers deliver it, whatever ends.
class Move final {
 public:
  using Connect = std::function<Result<RunningServer>()>;
  Move(Connect connect_from, Connect connect_to, bool json)
      : connect_from_(std::move(connect_from)), connect_to_(std::move(connect_to)), json_(json) {}

  /// Error: no more messages can be moved. Those that are left here are released, if they were not
  /// held before.
  Result<void> run(const QueueSelection& named, std::chrono::milliseconds patience) {
    if (auto connected = reconnect(); !connected) return connected;
    auto held = named;
    held.state = daemon::RecipientState::held;
    const auto before = find_messages(*from_, held);
    if (!before) return before.error();
    for (const auto id : before->ids) was_held_.insert(id.value);
    left_ = named.ids;
    const auto held_now = in_pieces(named, [&](const QueueSelection& piece) {
      return from_->queue("hold" + daemon::words_of(piece), print_line);
    });
    const auto moved = held_now ? move_all(std::chrono::steady_clock::now() + patience)
                                : Result<void>(held_now.error());
    const auto released = release();
    return moved ? released : moved;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t held() const { return held_count_; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }
  [[nodiscard]] std::size_t unmovable() const { return unmovable_; }

 private:
  Result<void> reconnect() {
    auto from = connect_from_();
    if (!from) return from.error();
    auto to = connect_to_();
    if (!to) return to.error();
    from_.emplace(std::move(*from));
    to_.emplace(std::move(*to));
    return {};
  }

  Result<void> move_all(std::chrono::steady_clock::time_point until) {
    std::vector<spool::QueueId> faulty;
    Result<void> result;
    while (result && !left_.empty()) {
      const auto attempted = attempted_now();
      if (!attempted) {
        result = attempted.error();
        break;
      }
      const auto now = std::exchange(left_, {});
      for (const auto id : now) {
        if (!result || attempted->contains(id.value)) {
          left_.push_back(id);
        } else if (auto moved = move_one(id); !moved) {
          complain("queue", "message " + id.text() + ": " + moved.error().text());
          faulty.push_back(id);
          result = end_of(moved.error());
        }
      }
      if (left_.empty() || std::chrono::steady_clock::now() >= until) break;
      std::this_thread::sleep_for(look_again);
    }
    unmovable_ = faulty.size();
    left_.insert(left_.end(), faulty.begin(), faulty.end());
    return result;
  }

  // A message that cannot be read does not hinder the others; a server that is gone or full does.
  Result<void> end_of(const Error& error) {
    if (error.fault == Fault::input) return error;
    return reconnect();
  }

  Result<std::unordered_set<std::uint64_t>> attempted_now() {
    std::unordered_set<std::uint64_t> found;
    const auto asked = in_pieces(QueueSelection{.ids = left_}, [&](const QueueSelection& piece) {
      return from_->queue("attempted" + daemon::words_of(piece),
                          [&](std::string_view line) -> Result<void> {
                            if (const auto id = spool::QueueId::parse(line))
                              found.insert(id->value);
                            return {};
                          });
    });
    if (!asked) return asked.error();
    return found;
  }

  Result<void> move_one(const spool::QueueId& id) {
    const auto envelope = envelope_of(*from_, id);
    if (!envelope) return of_source(envelope.error());
    if (envelope->empty()) return {};  // its attempt was the last one
    const auto message = daemon::parse_export(*envelope);
    if (!message) return fail(Fault::damaged, {}, message.error().text());
    if (!is_held(message->envelope))
      return fail(Fault::busy, {},
                  "it stays here: it could not be held, as the disk refuses it, or it was released "
                  "meanwhile");
    const auto new_id = to_->put(*envelope, message->size, daemon::Holds::set,
                                 [&](const Sink& sink) -> Result<void> {
                                   const auto shown = from_->show(id.text(), sink);
                                   return shown ? Result<void>() : of_source(shown.error());
                                 });
    if (!new_id) {
      auto error = new_id.error();
      if (!error.may_have_been_delivered) return error;
      was_held_.insert(id.value);
      error.detail +=
          "; it stays held here, and the other server may have it, held: look there, remove one of "
          "the two, and release the other";
      return error;
    }
    print_ids(json_, id.text(), *new_id);
    ++count_;
    if (const auto removed = remove_here(id); !removed) {
      was_held_.insert(id.value);
      return fail(Fault::io, {},
                  "the other server has it as " + *new_id +
                      ", held, and it is here, held, too: remove one of them, then release the "
                      "other (" +
                      removed.error().text() + ')');
    }
    return release_there(id, *new_id);
  }

  // A removal that the disk refuses counts no message.
  Result<void> remove_here(const spool::QueueId& id) {
    const QueueSelection here{.ids = {id}};
    const auto removed = from_->queue("remove" + daemon::words_of(here), print_line);
    if (!removed) return removed.error();
    if (*removed > 0) return {};
    const auto left = envelope_of(*from_, id);
    if (left && left->empty()) return {};  // another command removed it
    return fail(Fault::io, {}, "the server here does not remove it");
  }

  Result<void> release_there(const spool::QueueId& id, const std::string& new_id) {
    if (was_held_.contains(id.value)) {
      ++held_count_;
      return {};
    }
    const auto released = to_->queue("release id=" + new_id, print_line);
    if (released) return {};
    return fail(Fault::io, {},
                "the other server has it as " + new_id + ", held: release it there (" +
                    released.error().text() + ')');
  }

  // A refusal of the source concerns one message.
  static Error of_source(Error error) {
    if (error.fault == Fault::input) error.fault = Fault::damaged;
    return error;
  }

  // Those that were not moved are tried here again.
  Result<void> release() {
    QueueSelection back;
    for (const auto id : left_)
      if (!was_held_.contains(id.value)) back.ids.push_back(id);
    if (back.ids.empty()) return {};
    auto again = connect_from_();
    const auto done =
        again ? in_pieces(back,
                          [&](const QueueSelection& piece) {
                            return again->queue("release" + daemon::words_of(piece), print_line);
                          })
              : again.error();
    if (done) return {};
    return fail(
        done.error().fault, {},
        count_text(back.ids.size()) +
            " stay held here; end that with `postroad queue release`: " + done.error().text());
  }

  Connect connect_from_, connect_to_;
  std::optional<RunningServer> from_, to_;
  bool json_;
  std::unordered_set<std::uint64_t> was_held_;
  std::vector<spool::QueueId> left_;
  std::size_t count_ = 0, held_count_ = 0, unmovable_ = 0;
};

}  // namespace

int QueueVerbs::move() {
  if (!names_something(*this)) return refuse_unnamed("move");
  const auto selection = selection_of(*this);
  if (!selection) return refuse_queue(selection.error());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  auto other = connect_to_folder(to);
  if (!other) return refuse_queue(other.error());
  if (other->pid() == running->pid())
    return refuse_queue(exit_usage, "--to '" + printable(to, 200) +
                                        "': this is the same server; name the data folder of "
                                        "another one");
  const auto named = find_messages(*running, *selection);
  if (!named) return refuse_queue(named.error());
  if (!json) print_matches(named->ids.size());
  if (named->ids.empty() || dry_run) return exit_of_count(named->ids.size());
  Move move([this] { return connect_to_server(*this); }, [this] { return connect_to_folder(to); },
            json);
  const auto moved = move.run(*named, std::chrono::milliseconds(wait));
  if (!json) std::cerr << "move: " << count_text(move.count()) << '\n';
  if (move.held() > 0)
    std::cerr << count_text(move.held())
              << " were held, and are held there: `postroad queue release` ends that\n";
  if (!moved) return refuse_queue(exit_of_put(moved.error()), moved.error().text());
  if (move.left() == 0) return exit_ok;
  if (move.unmovable() == move.left()) return exit_io;
  return refuse_queue(exit_temporary,
                      count_text(move.left() - move.unmovable()) +
                          " stayed here: they are being attempted; try again, or wait longer with "
                          "--wait");
}

}  // namespace postroad::cli
