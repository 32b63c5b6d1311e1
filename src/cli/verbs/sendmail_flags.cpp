// The flags of the sendmail entry, as PHP, cron, git and s-nail write them; see sendmail.hpp.
#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "cli/verbs/sendmail.hpp"

namespace postroad::cli {

namespace {

// -X VALUE or -XVALUE. Flags of other sendmails that mean nothing here are accepted and ignored.
constexpr std::string_view with_value = "fFrBOoNRVhpXLACbeqM";
constexpr std::string_view alone = "itvnGUmscI";
// Flags whose value, if any, is in the same word: `-q15m`. Others may have it in the next: `-o i`.
constexpr std::string_view joined_only = "qM";

// Exim's options about where a message came from (-oMr PROTOCOL, -oMs HOST, …) and of its daemon
// (-oP FILE): their value is the next word.
bool has_separate_value(std::string_view option) {
  constexpr std::array<std::string_view, 11> exim{"Ma", "Maa", "Mai", "Mas", "Mi", "Mm",
                                                  "Mr", "Ms",  "Mt",  "P",   "X"};
  return std::find(exim.begin(), exim.end(), option) != exim.end();
}

Error wrong(const std::string& word, std::string_view why) {
  return fail(Fault::input, "'" + printable(word, 60) + "'", std::string(why));
}

Result<void> take_mode(std::string_view mode, SendmailCall& call) {
  if (mode == "m") return {};
  if (mode == "s") {
    call.speaks_smtp = true;
    return {};
  }
  if (mode == "p") {
    call.lists_queue = true;
    return {};
  }
  if (mode == "i") {
    call.does_nothing = true;  // aliases are options of the server
    return {};
  }
  return wrong("-b" + std::string(mode), "this mode is not supported here; use -bm, -bs or -bp");
}

// -oi, -oem, -odb, …; -O Name=value.
void take_option(std::string_view option, SendmailCall& call) {
  if (option == "i" || iequals(option, "IgnoreDots") || iequals(option, "IgnoreDots=true"))
    call.ignores_dots = true;
  if (iequals(option, "AllowBinary") || iequals(option, "AllowBinary=true"))
    call.allows_binary = true;
}

Result<void> take(char letter, const std::string& value, SendmailCall& call) {
  switch (letter) {
    case 'i':
      call.ignores_dots = true;
      return {};
    case 't':
      call.reads_recipients = true;
      return {};
    case 'f':
    case 'r':
      call.sender = value.empty() ? "<>" : value;
      call.sender_flag = letter;
      return {};
    case 'F':
      call.full_name = value;
      return {};
    case 'B':
      if (!iequals(value, "7BIT") && !iequals(value, "8BITMIME"))
        return wrong("-B " + value, "expected 7BIT or 8BITMIME");
      return {};
    case 'N':
      call.notify = value;
      return {};
    case 'R':
      call.return_content = value;
      return {};
    case 'V':
      call.envelope_id = value;
      return {};
    case 'b':
      return take_mode(value, call);
    case 'q':
      // With a value: an interval (-q15m), which the server has of its own, or a part of the queue.
      (value.empty() ? call.flushes_queue : call.does_nothing) = true;
      return {};
    case 'I':
      call.does_nothing = true;  // rebuild the aliases: the server does
      return {};
    case 'o':
    case 'O':
      take_option(value, call);
      return {};
    default:
      return {};
  }
}

}  // namespace

Result<SendmailCall> parse_sendmail(const std::vector<std::string>& words) {
  SendmailCall call;
  std::size_t at = 0;
  bool ended = false;  // by --
  for (; at < words.size(); ++at) {
    const auto& word = words[at];
    if (word == "--") {
      ++at;
      ended = true;
      break;
    }
    if (word.size() < 2 || word.front() != '-') break;
    // Switches may share a word: -ti.
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      if (alone.find(letter) != std::string_view::npos) {
        const auto taken = take(letter, {}, call);
        if (!taken) return taken.error();
        continue;
      }
      if (with_value.find(letter) == std::string_view::npos)
        return wrong(word, "unknown flag; put addresses that begin with - behind --");
      std::string value = word.substr(i + 1);
      const bool joined = joined_only.find(letter) != std::string_view::npos;
      if (value.empty() && !joined) {
        if (++at == words.size()) return wrong(word, "the flag needs a value");
        value = words[at];
      }
      if (letter == 'o' && has_separate_value(value) && ++at == words.size())
        return wrong(word, "the flag needs a value");
      const auto taken = take(letter, value, call);
      if (!taken) return taken.error();
      break;
    }
  }
  call.recipients.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
  if (ended) return call;
  // After the first address nothing is a flag, but some callers write the end of the flags there.
  const auto end = std::find(call.recipients.begin(), call.recipients.end(), "--");
  if (end != call.recipients.end()) call.recipients.erase(end);
  return call;
}

}  // namespace postroad::cli
