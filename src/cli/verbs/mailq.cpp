// The queue as sendmail has it: -bp and mailq list it in the form of Postfix's, which monitors
// read, and -q flushes it. See sendmail.hpp.
#include <fmt/format.h>

#include <iostream>
#include <utility>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/verbs/queue_requests.hpp"
#include "cli/verbs/sendmail.hpp"

namespace postroad::cli {

namespace {

constexpr auto mailq_head =
    "-Queue ID-        --Size-- ----Arrival Time----  -Sender/Recipient-------\n";

// The size in the first line of a message, whose id begins it.
std::uint64_t size_in(std::string_view line) {
  const auto begin = line.find_first_not_of(' ', std::min(line.find(' '), line.size()));
  if (begin == std::string_view::npos) return 0;
  const auto rest = line.substr(begin);
  return parse_number(rest.substr(0, rest.find(' '))).value_or(0);
}

}  // namespace

int print_mailq(const std::filesystem::path& data) {
  auto running = connect_to_folder(data.string());
  if (!running) {
    auto error = running.error();
    if (error.fault == Fault::not_found)
      error.detail += "; name its data folder as `data` in /etc/postroad/sendmail.toml";
    std::cerr << "mailq: " << error.text() << '\n';
    return exit_unavailable;
  }
  std::uint64_t bytes = 0;
  bool is_begun = false;
  const auto count = running->queue("list mailq", [&](std::string_view line) -> Result<void> {
    const bool is_first = !line.empty() && is_alnum(line.front());
    if (is_first) {
      std::cout << (std::exchange(is_begun, true) ? "\n" : mailq_head);
      bytes += size_in(line);
    }
    return print_line(line);
  });
  if (!count) {
    std::cerr << "mailq: " << count.error().text() << '\n';
    return exit_of(count.error());
  }
  if (*count == 0) {
    std::cout << "Mail queue is empty\n";
  } else {
    std::cout << fmt::format("\n-- {} Kbytes in {} Request{}.\n", (bytes + 1023) / 1024, *count,
                             *count == 1 ? "" : "s");
  }
  return exit_ok;
}

int flush_queue(const std::filesystem::path& data) {
  auto running = connect_to_folder(data.string());
  if (!running && running.error().fault == Fault::not_found) return exit_ok;
  Result<std::size_t> count = std::size_t{0};
  if (!running) {
    count = running.error();
  } else if (const auto all = find_messages(*running, {}); !all) {
    count = all.error();
  } else if (!all->ids.empty()) {
    count = in_pieces(*all, [&](const daemon::QueueSelection& piece) {
      return running->queue("flush" + daemon::words_of(piece), [](auto) { return Result<void>(); });
    });
  }
  if (count) return exit_ok;
  std::cerr << "sendmail: -q: " << count.error().text() << '\n';
  return exit_of(count.error());
}

}  // namespace postroad::cli
