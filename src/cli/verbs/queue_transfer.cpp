// `postroad queue export|import|move`: messages of the queue as files, and from one running server
// to another one. docs/formats/export.md describes the files.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <thread>
#include <unordered_set>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/queue_requests.hpp"
#include "daemon/exported_envelope.hpp"

namespace postroad::cli {

namespace fs = std::filesystem;

namespace {

using daemon::ExportedMessage;
using daemon::QueueSelection;
using daemon::RunningServer;
using Sink = RunningServer::Sink;

constexpr std::size_t file_piece = 65'536;
constexpr std::chrono::milliseconds look_again{50};

Error file_error(const fs::path& path, const std::string& what) {
  return fail(Fault::io, path.string(), what + ": " + std::generic_category().message(errno));
}

// The file is on disk when this returns.
Result<void> write_file(const fs::path& path,
                        const std::function<Result<void>(const Sink&)>& give) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return file_error(path, "cannot be created");
  auto given = give([&](std::string_view bytes) -> Result<void> {
    if (write_all(file.get(), bytes)) return {};
    return file_error(path, "cannot be written");
  });
  if (!given) return given;
  if (::fsync(file.get()) != 0) return file_error(path, "cannot be written");
  return {};
}

Result<void> sync_folder(const fs::path& folder) {
  const Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened && ::fsync(opened.get()) == 0) return {};
  return file_error(folder, "cannot be written");
}

// The envelope of a message as JSON; empty: it has left the queue.
Result<std::string> envelope_of(RunningServer& running, const spool::QueueId& id) {
  std::string text;
  const QueueSelection one{.ids = {id}};
  const auto found = running.queue("list export" + daemon::words_of(one),
                                   [&](std::string_view line) -> Result<void> {
                                     text.assign(line).append("\n");
                                     return {};
                                   });
  return found ? Result<std::string>(std::move(text)) : found.error();
}

// The envelope's file is written last and gets its name when it is complete: without it there is no
// message. False: it has left the queue.
Result<bool> export_one(RunningServer& running, const spool::QueueId& id, const fs::path& folder) {
  const auto envelope_file = folder / (id.text() + ".json");
  std::error_code unknown;
  if (fs::exists(envelope_file, unknown))
    return fail(Fault::input, envelope_file.string(),
                "exists already; name another folder, or remove that file");
  const auto envelope = envelope_of(running, id);
  if (!envelope) return envelope.error();
  if (envelope->empty()) return false;
  bool is_there = true;
  const auto message_file = folder / (id.text() + ".eml");
  auto written = write_file(message_file, [&](const Sink& sink) -> Result<void> {
    const auto shown = running.show(id.text(), sink);
    if (!shown) return shown.error();
    is_there = *shown;
    return {};
  });
  if (!written || !is_there) ::unlink(message_file.c_str());
  if (!written) return written.error();
  if (!is_there) return false;
  const auto draft = folder / ('.' + id.text() + ".json");
  written = write_file(draft, [&](const Sink& sink) { return sink(*envelope); });
  if (!written) return written.error();
  if (::rename(draft.c_str(), envelope_file.c_str()) != 0)
    return file_error(envelope_file, "cannot be created");
  return true;
}

Result<void> make_folder(const fs::path& folder) {
  if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return sync_folder(folder);
  return file_error(folder, "the folder cannot be created");
}

// The envelope files of folders, and files, in the order of their names.
Result<std::vector<fs::path>> envelope_files(const std::vector<std::string>& paths) {
  std::vector<fs::path> found;
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      found.emplace_back(path);
      continue;
    }
    const auto before = found.size();
    for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
      const auto& file = at->path();
      if (file.extension() == ".json" && !file.filename().string().starts_with('.'))
        found.push_back(file);
    }
    if (error) return fail(Fault::io, path, "cannot be read: " + error.message());
    if (found.size() == before)
      return fail(Fault::input, path,
                  "holds no exported message: there is no file that ends with .json");
    std::sort(found.begin() + static_cast<std::ptrdiff_t>(before), found.end());
  }
  return found;
}

Result<void> give_file(const Descriptor& file, const fs::path& path, const Sink& sink) {
  std::string piece(file_piece, '\0');
  for (;;) {
    const auto got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path, "cannot be read");
    if (got == 0) return {};
    if (auto sent = sink(std::string_view(piece).substr(0, static_cast<std::size_t>(got))); !sent)
      return sent;
  }
}

// The two files of an exported message.
struct OpenExport {
  std::string envelope;
  ExportedMessage message;
  fs::path path;
  Descriptor file;
};

Result<OpenExport> open_export(const fs::path& path) {
  auto text = read_all(path.string());
  if (!text) return text.error();
  auto message = daemon::parse_export(*text);
  if (!message)
    return fail(Fault::data, path.string(),
                "not the envelope of an exported message: " + message.error().text());
  OpenExport opened{std::move(*text), std::move(*message), path, Descriptor()};
  opened.path.replace_extension(".eml");
  opened.file = Descriptor(::open(opened.path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat facts {};
  if (!opened.file || ::fstat(opened.file.get(), &facts) != 0)
    return file_error(opened.path, "the message of " + path.string() + " cannot be read");
  if (static_cast<std::uint64_t>(facts.st_size) == opened.message.size) return opened;
  return fail(Fault::data, opened.path.string(),
              fmt::format("has {} bytes, and its envelope says {}: one of the two files is damaged "
                          "or of another export",
                          facts.st_size, opened.message.size));
}

void print_ids(bool as_json, const std::string& from, const std::string& id) {
  std::cout << (as_json ? fmt::format(R"({{"id":"{}","new_id":"{}"}})", from, id) : from + ' ' + id)
            << '\n';
}

// The messages of one `queue move`. Each is held here before it is copied, so that it is not
// delivered by both servers, and removed here once the other server has it on disk.
class Move final {
 public:
  Move(RunningServer& from, RunningServer& to, bool json) : from_(from), to_(to), json_(json) {}

  Result<std::size_t> run(const QueueSelection& named, std::chrono::milliseconds patience) {
    auto held = named;
    held.state = daemon::RecipientState::held;
    const auto before = find_messages(from_, held);
    if (!before) return before.error();
    for (const auto id : before->ids) was_held_.insert(id.value);
    const auto ask = [&](const QueueSelection& piece) {
      return from_.queue("hold" + daemon::words_of(piece), print_line);
    };
    if (const auto done = in_pieces(named, ask); !done) return done.error();
    left_ = named.ids;
    auto moved = move_all(std::chrono::steady_clock::now() + patience);
    const auto released = release();
    if (!moved) return moved.error();
    if (!released) return released.error();
    return count_;
  }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

 private:
  Result<void> move_all(std::chrono::steady_clock::time_point until) {
    while (!left_.empty()) {
      const auto attempted = attempted_now();
      if (!attempted) return attempted.error();
      std::vector<spool::QueueId> later;
      for (auto at = left_.begin(); at != left_.end(); ++at) {
        if (attempted->contains(at->value)) {
          later.push_back(*at);
          continue;
        }
        if (const auto moved = move_one(*at); !moved) {
          later.insert(later.end(), at, left_.end());
          left_ = std::move(later);
          return moved;
        }
      }
      left_ = std::move(later);
      if (left_.empty() || std::chrono::steady_clock::now() >= until) break;
      std::this_thread::sleep_for(look_again);
    }
    return {};
  }

  Result<std::unordered_set<std::uint64_t>> attempted_now() {
    std::unordered_set<std::uint64_t> found;
    const auto asked = in_pieces(QueueSelection{.ids = left_}, [&](const QueueSelection& piece) {
      return from_.queue("attempted" + daemon::words_of(piece),
                         [&](std::string_view line) -> Result<void> {
                           if (const auto id = spool::QueueId::parse(line)) found.insert(id->value);
                           return {};
                         });
    });
    if (!asked) return asked.error();
    return found;
  }

  Result<void> move_one(const spool::QueueId& id) {
    const auto envelope = envelope_of(from_, id);
    if (!envelope) return envelope.error();
    if (envelope->empty()) return {};  // its attempt was the last one
    const auto message = daemon::parse_export(*envelope);
    if (!message) return fail(Fault::damaged, "message " + id.text(), message.error().text());
    const bool ends_holds = !was_held_.contains(id.value);
    const auto new_id =
        to_.put(*envelope, message->size, ends_holds, [&](const Sink& sink) -> Result<void> {
          const auto shown = from_.show(id.text(), sink);
          return shown ? Result<void>() : shown.error();
        });
    if (!new_id) return new_id.error();
    const QueueSelection one{.ids = {id}};
    const auto removed = from_.queue("remove" + daemon::words_of(one), print_line);
    if (!removed || *removed == 0) {
      was_held_.insert(id.value);  // a release would deliver it twice
      return fail(Fault::io, "message " + id.text(),
                  "the other server has it as " + *new_id +
                      ", and it cannot be removed here: it stays held; remove it with `postroad "
                      "queue remove`");
    }
    print_ids(json_, id.text(), *new_id);
    ++count_;
    return {};
  }

  // Those that were not moved are tried here again.
  Result<void> release() {
    QueueSelection back;
    for (const auto id : left_)
      if (!was_held_.contains(id.value)) back.ids.push_back(id);
    if (back.ids.empty()) return {};
    const auto done = in_pieces(back, [&](const QueueSelection& piece) {
      return from_.queue("release" + daemon::words_of(piece), print_line);
    });
    return done ? Result<void>() : done.error();
  }

  RunningServer& from_;
  RunningServer& to_;
  bool json_;
  std::unordered_set<std::uint64_t> was_held_;
  std::vector<spool::QueueId> left_;
  std::size_t count_ = 0;
};

}  // namespace

std::vector<config::Command> QueueVerbs::transfer_commands() {
  auto exported = change_command(
      "export", "copy messages of the queue into files",
      "Writes ID.eml, the message, and ID.json, its envelope, into a folder. The messages stay in "
      "the queue; hold them first if another server is to deliver them.",
      {{.name = "to",
        .value = "FOLDER",
        .doc = "Where the files go. It is created if it is missing, for this user only.",
        .target = &to,
        .completion = config::Completion::folder,
        .required = true}});
  exported.exit_codes.push_back({exit_cannot_create, "a file cannot be written"});
  exported.run = [this] { return export_messages(); };
  auto moved = change_command(
      "move", "move messages to the queue of another server on this machine",
      "Each message is held here, stored there and then removed here; lines of `ID NEW-ID` tell "
      "which. After an interruption nothing is lost: what was not moved is here, held. For a "
      "server on another machine use export, copy the files, import there, and remove here.",
      {{.name = "to",
        .value = "FOLDER",
        .doc = "Data folder of the other server, which must run.",
        .target = &to,
        .completion = config::Completion::folder,
        .required = true},
       {.name = "wait",
        .value = "TIME",
        .doc = "How long to wait for messages that are being attempted. What is still attempted "
               "then stays here.",
        .target = &wait}});
  moved.run = [this] { return move(); };
  config::Command imported{
      .name = "import",
      .summary = "put exported messages into the queue",
      .description =
          "Each message keeps its recipients, their states, its age and its holds, and gets a new "
          "id; lines of `ID NEW-ID` tell which. A message that is imported twice is delivered "
          "twice.",
      .arguments = {{.name = "PATH",
                     .doc = "Folders of exported messages, or .json files; the .eml file lies "
                            "beside each.",
                     .target = &paths}},
      .flags = place_flags(),
      .exit_codes = exit_codes(),
      .run = [this] { return import_messages(); }};
  imported.flags.push_back(json_flag());
  imported.flags.push_back(
      {.name = "release", .doc = "End the holds that messages had.", .target = &ends_holds});
  imported.exit_codes.push_back({exit_data, "a file is no exported message, or is damaged"});
  return {std::move(exported), std::move(imported), std::move(moved)};
}

int QueueVerbs::export_messages() {
  if (!names_something(*this)) return refuse_unnamed("export");
  const auto selection = selection_of(*this);
  if (!selection) return refuse_queue(selection.error());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  const auto named = find_messages(*running, *selection);
  if (!named) return refuse_queue(named.error());
  if (!json) print_matches(named->ids.size());
  if (named->ids.empty() || dry_run) return exit_of_count(named->ids.size());
  auto written = make_folder(to);
  std::size_t count = 0;
  for (const auto one_id : named->ids) {
    if (!written) break;
    const auto one = export_one(*running, one_id, to);
    if (!one) written = one.error();
    if (one && *one) ++count;
  }
  if (written) written = sync_folder(to);
  if (json)
    std::cout << fmt::format("{{\"matched\":{},\"exported\":{}}}\n", named->ids.size(), count);
  else
    std::cout << "export: " << count_text(count) << '\n';
  if (written) return exit_ok;
  const auto& error = written.error();
  const bool is_file = error.where.starts_with(to);
  return is_file ? refuse_queue(exit_cannot_create, error.text()) : refuse_queue(error);
}

int QueueVerbs::import_messages() {
  const auto files = envelope_files(paths);
  if (!files) return refuse_queue(exit_no_input, files.error().text());
  auto running = connect_to_server(*this);
  if (!running) return refuse_queue(running.error());
  int code = exit_ok;
  std::size_t count = 0;
  for (const auto& file : *files) {
    // A file that cannot be imported does not hinder the others; a server that cannot store does.
    const auto opened = open_export(file);
    if (!opened) {
      code = refuse_queue(opened.error().fault == Fault::data ? exit_data : exit_no_input,
                          opened.error().text());
      continue;
    }
    const auto new_id =
        running->put(opened->envelope, opened->message.size, ends_holds,
                     [&](const Sink& sink) { return give_file(opened->file, opened->path, sink); });
    if (!new_id)
      return refuse_queue(exit_of_put(new_id.error()),
                          file.string() + ": " + new_id.error().text());
    print_ids(json, opened->message.id.text(), *new_id);
    ++count;
  }
  if (!json) std::cerr << "import: " << count_text(count) << '\n';
  return code;
}

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
  Move move(*running, *other, json);
  const auto count = move.run(*named, std::chrono::milliseconds(wait));
  if (!count) return refuse_queue(exit_of_put(count.error()), count.error().text());
  if (!json) std::cerr << "move: " << count_text(*count) << '\n';
  if (move.left() == 0) return exit_ok;
  return refuse_queue(exit_temporary,
                      count_text(move.left()) +
                          " stayed here: they are being attempted; try again, or wait longer with "
                          "--wait");
}

}  // namespace postroad::cli
