// `postroad queue export|import`: messages of the queue as files, which docs/formats/export.md
// describes; and the declaration of these commands and of `move` (queue_move.cpp).
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

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
using daemon::RunningServer;
using Sink = RunningServer::Sink;

constexpr std::size_t file_piece = 65'536;

Error file_error(const fs::path& path, const std::string& what) {
  return fail(Fault::io, path.string(), what + ": " + std::generic_category().message(errno));
}

// A new file, on disk when this returns. A link that lies there under its name is not followed.
Result<void> write_file(const fs::path& path,
                        const std::function<Result<void>(const Sink&)>& give) {
  ::unlink(path.c_str());  // of an export that did not end
  const Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
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

// An earlier export wrote it: the message itself never changes.
bool is_same_message(const fs::path& file, const std::string& envelope) {
  const auto text = read_all(file.string());
  const auto before = text ? daemon::parse_export(*text) : text.error();
  const auto now = daemon::parse_export(envelope);
  return before && now && before->id == now->id && before->size == now->size &&
         before->envelope.arrived == now->envelope.arrived;
}

// The envelope's file is written last and gets its name when it is complete: without it there is no
// message. False: it has left the queue.
Result<bool> export_one(RunningServer& running, const spool::QueueId& id, const fs::path& folder) {
  const auto envelope_file = folder / (id.text() + ".json");
  const auto envelope = envelope_of(running, id);
  if (!envelope) return envelope.error();
  if (envelope->empty()) return false;
  std::error_code unknown;
  if (fs::exists(envelope_file, unknown)) {
    if (is_same_message(envelope_file, *envelope)) return true;
    return fail(Fault::input, envelope_file.string(),
                "exists already and is of another message; name another folder, or remove that "
                "file");
  }
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

std::string doubt_of(const Error& error) {
  return error.may_have_been_delivered ? "it may have been stored, as the answer was lost: " : "";
}

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
      "Each message is held here, stored there, held, then removed here and released there; lines "
      "of `ID NEW-ID` tell which. An interruption loses nothing and lets no message be delivered "
      "twice: messages that were not moved are held here, and one may be held there, and perhaps "
      "here, too. For a server on another machine use export, copy the files, import there, and "
      "remove here.",
      {{.name = "to",
        .value = "FOLDER",
        .doc = "Data folder of the other server, which must run.",
        .target = &to,
        .completion = config::Completion::folder,
        .required = true},
       {.name = "wait",
        .value = "TIME",
        .doc = "How long to wait for messages that are being attempted. Messages that are still "
               "attempted "
               "then stay here.",
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
  imported.exit_codes.push_back({exit_data, "a file is not an exported message, or is damaged"});
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
        running->put(opened->envelope, opened->message.size,
                     ends_holds ? daemon::Holds::end : daemon::Holds::keep,
                     [&](const Sink& sink) { return give_file(opened->file, opened->path, sink); });
    if (!new_id)
      return refuse_queue(exit_of_put(new_id.error()),
                          file.string() + ": " + doubt_of(new_id.error()) + new_id.error().text());
    print_ids(json, opened->message.id.text(), *new_id);
    ++count;
  }
  if (!json) std::cerr << "import: " << count_text(count) << '\n';
  return code;
}

}  // namespace postroad::cli
