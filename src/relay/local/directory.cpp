// The table of local addresses; see directory.hpp.
#include "relay/local/directory.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace postroad::relay {

namespace {

constexpr std::size_t max_depth = 16;  // of aliases in aliases
constexpr std::size_t max_folder =
    200;  // file systems take 255 bytes; the rest is for the name of the message

Error wrong(const std::string& entry, const std::string& why) {
  return fail(Fault::input, "'" + printable(entry, 120) + "'", why);
}

std::string text_key(const Mailbox& address) {
  return lower(address.local) + '@' + lower(address.domain);
}

// A short hash (FNV-1a) for names that had to be cut: two long names must not share a folder.
std::string tail_of(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  std::string tail;
  for (int i = 0; i < 16; ++i) tail += "0123456789abcdef"[hash >> (60 - 4 * i) & 15];
  return tail;
}

}  // namespace

Result<Directory> Directory::make(DirectorySettings settings) {
  std::optional<Error> first;
  auto directory = make(std::move(settings), [&](std::string_view, const Error& error) {
    if (!first) first = error;
  });
  if (first) return *first;
  return directory;
}

Directory Directory::make(DirectorySettings settings, const ReportProblem& report) {
  Directory directory;
  bool is_sound = true;
  const ReportProblem note = [&](std::string_view setting, const Error& error) {
    is_sound = false;
    report(setting, error);
  };
  for (const auto& domain : settings.domains) directory.domains_.insert(lower(domain));
  if (!settings.domains.empty()) directory.home_ = lower(settings.domains.front());
  for (const auto& mailbox : settings.mailboxes) directory.mailboxes_.insert(lower(mailbox));
  directory.plus_ = settings.plus;
  if (settings.plus.size() > 4 || settings.plus.find_first_not_of("+-=_#~!") != std::string::npos)
    note("plus", wrong(settings.plus, "tags begin with some of + - = _ # ~ !"));
  if (!settings.catch_all.empty()) {
    auto target = Mailbox::parse(settings.catch_all);
    if (target)
      directory.catch_all_ = std::move(*target);
    else
      note("catch_all", wrong(settings.catch_all,
                              "the catch-all must be a whole address: " + target.error().detail));
  }
  for (const auto& entry : settings.aliases) directory.add_alias(entry, note);
  // Final recipients are checked only if every alias target exists and there is no loop.
  const bool has_ends = directory.check_loops(note);
  if (is_sound && has_ends) directory.check_ends(note);
  return directory;
}

void Directory::add_alias(const std::string& entry, const ReportProblem& report) {
  const auto colon = entry.find(':');
  if (colon == std::string::npos)
    return report("aliases", wrong(entry, "an alias has the form name: address, address"));
  auto& members = aliases_[lower(trim(std::string_view(entry).substr(0, colon)))];
  for (const auto part : split(std::string_view(entry).substr(colon + 1), ',')) {
    const auto text = trim(part);
    const bool is_bare = text.find('@') == std::string_view::npos;
    if (is_bare && home_.empty()) {
      report("aliases", wrong(entry, "a target without a domain needs a local domain"));
      continue;
    }
    auto target = Mailbox::parse(is_bare ? std::string(text) + '@' + home_ : std::string(text));
    if (target)
      members.push_back(std::move(*target));
    else
      report("aliases", wrong(entry, "a target is not an address: " + target.error().detail));
  }
}

bool Directory::is_local(const Mailbox& address) const {
  return address.domain.empty() || domains_.contains(lower(address.domain));
}

std::optional<std::string> Directory::key_of(const Mailbox& address) const {
  auto whole = text_key(address);
  auto local = lower(address.local);
  const bool here = address.domain.empty() || domains_.contains(lower(address.domain));
  if (aliases_.contains(whole) || mailboxes_.contains(whole)) return whole;
  // Not if the local part looks like an address: "ben@here"@here is not ben@here.
  if (here && local.find('@') == std::string::npos &&
      (aliases_.contains(local) || mailboxes_.contains(local)))
    return local;
  return std::nullopt;
}

std::vector<Mailbox> Directory::members(const Mailbox& address) const {
  const auto key = key_of(address);
  const auto found = key ? aliases_.find(*key) : aliases_.end();
  return found == aliases_.end() ? std::vector<Mailbox>{} : found->second;
}

std::vector<Mailbox> Directory::resolve(const Mailbox& address) const {
  std::vector<Mailbox> ends;
  std::vector<Mailbox> open{address};
  std::set<std::string> seen;
  while (!open.empty()) {
    auto next = std::move(open.back());
    open.pop_back();
    if (next.domain.empty() && !home_.empty()) next.domain = home_;  // <postmaster>
    if (!seen.insert(text_key(next)).second) continue;
    if (auto more = members(next); !more.empty()) {
      open.insert(open.end(), more.rbegin(), more.rend());
    } else if (!is_local(next) || key_of(next)) {
      ends.push_back(std::move(next));
    } else if (auto other = stand_in(next)) {
      open.push_back(std::move(*other));
    }
  }
  return ends;
}

// The recipient of a local name without an entry of its own.
std::optional<Mailbox> Directory::stand_in(const Mailbox& address) const {
  const auto& [local, domain] = address;
  if (const auto tag = local.find_first_of(plus_, 1); tag != std::string::npos)
    return Mailbox{local.substr(0, tag), domain};                     // RFC 5233: user+detail
  if (iequals(local, "abuse")) return Mailbox{"postmaster", domain};  // RFC 2142 §4
  if (catch_all_) return catch_all_;
  if (!iequals(local, "postmaster") || first_name().empty()) return std::nullopt;
  // RFC 5321 §4.5.1: postmaster always exists; without an entry it is the first name.
  const auto first = first_name();
  const auto at = first.find('@');
  return Mailbox{std::string(first.substr(0, at)),
                 at == std::string::npos ? domain : std::string(first.substr(at + 1))};
}

// Every alias and the catch-all have a final recipient: check_ends ensures it.
bool Directory::accepts(const Mailbox& address) const {
  auto next = address;
  for (;;) {
    if (next.domain.empty() && !home_.empty()) next.domain = home_;
    if (!is_local(next) || key_of(next)) return true;
    auto other = stand_in(next);
    if (!other) return false;
    if (other == catch_all_) return true;
    next = std::move(*other);
  }
}

std::vector<std::pair<std::string, Mailbox>> Directory::ways_out() const {
  std::vector<std::pair<std::string, Mailbox>> found;
  for (const auto& [name, targets] : aliases_) {
    for (const auto& target : targets) {
      if (!is_local(target))
        found.emplace_back("the alias '" + printable(name, 80) + "' leads to " + target.text(),
                           target);
    }
  }
  if (catch_all_ && !is_local(*catch_all_))
    found.emplace_back("the catch-all is " + catch_all_->text(), *catch_all_);
  return found;
}

std::string_view Directory::first_name() const {
  if (!mailboxes_.empty()) return *mailboxes_.begin();
  return aliases_.empty() ? std::string_view{} : aliases_.begin()->first;
}

bool Directory::check_loops(const ReportProblem& report) const {
  bool has_ends = true;
  const auto note = [&](const std::string& name, const std::string& why) {
    has_ends = false;
    report("aliases", wrong(name, why));
  };
  for (const auto& [name, targets] : aliases_) {
    std::vector<Mailbox> level = targets;
    for (std::size_t depth = 0; !level.empty(); ++depth) {
      std::vector<Mailbox> below;
      for (const auto& target : level) {
        const auto more = members(target);
        below.insert(below.end(), more.begin(), more.end());
      }
      level = std::move(below);
      const bool is_deep = depth + 1 == max_depth && !level.empty();
      if (is_deep) note(name, "this alias leads back to itself, or through more than 16 others");
      if (level.size() > 10'000) note(name, "this alias has more than 10,000 members");
      if (is_deep || level.size() > 10'000) break;
    }
  }
  return has_ends;
}

void Directory::check_ends(const ReportProblem& report) const {
  for (const auto& name : mailboxes_) {
    const auto at = name.rfind('@');
    if (at != std::string::npos && !domains_.contains(name.substr(at + 1)))
      report("mailboxes",
             wrong(name, "a mailbox of a domain that is not in local.domains gets no mail"));
  }
  for (const auto& [name, targets] : aliases_) {
    for (const auto& target : targets) {
      if (resolve(target).empty())
        report("aliases", wrong(name, "its target " + target.text() +
                                          " is local and has no mailbox: add it to "
                                          "local.mailboxes, or take it out of the alias"));
    }
  }
  if (catch_all_ && resolve(*catch_all_).empty())
    report("catch_all", wrong(catch_all_->text(),
                              "the catch-all has no mailbox itself: add it to local.mailboxes"));
}

std::optional<Mailbox> Directory::find(std::string_view text) const {
  text = trim(text);
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  if (text.find('@') == std::string_view::npos && !home_.empty()) {
    auto mailbox = Mailbox::parse(std::string(text) + '@' + home_);
    return mailbox ? std::optional(std::move(*mailbox)) : std::nullopt;
  }
  auto mailbox = Mailbox::parse(text);
  return mailbox ? std::optional(std::move(*mailbox)) : std::nullopt;
}

std::string Directory::folder_of(const Mailbox& address) {
  static constexpr std::string_view hex = "0123456789abcdef";
  const auto key = text_key(address);
  std::string name;
  for (const char c : key) {
    const bool plain =
        is_alnum(c) || c == '@' || c == '-' || c == '_' || c == '+' || (c == '.' && !name.empty());
    if (plain) {
      name += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      name += {'%', hex[byte >> 4], hex[byte & 15]};
    }
  }
  if (name.size() > max_folder) name = name.substr(0, max_folder - 17) + '%' + tail_of(key);
  return name;
}

}  // namespace postroad::relay
