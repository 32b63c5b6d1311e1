// Runs all rules; contains those about lines and size. See lint.hpp.
#include "mail/lint/lint.hpp"

#include <algorithm>
#include <array>

#include <postroad/mail_part.hpp>

#include "base/text.hpp"
#include "mail/lint/lint_findings.hpp"

namespace postroad::mail {

LintFindings::LintFindings(std::string_view bytes) : bytes_(bytes) {
  line_starts_.push_back(0);
  for (auto at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1))
    line_starts_.push_back(at + 1);
}

std::size_t LintFindings::line_of(std::string_view where) const {
  if (where.data() == nullptr) return 0;
  const auto offset = static_cast<std::size_t>(where.data() - bytes_.data());
  const auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  return static_cast<std::size_t>(after - line_starts_.begin());
}

void LintFindings::add(LintLevel level, std::string_view code, std::string_view where,
                       std::string why, std::string remedy) {
  if (++counts_[code] > max_findings_of_one_code) return;
  findings_.push_back({level, code, line_of(where), std::move(why), std::move(remedy)});
}

std::vector<LintFinding> LintFindings::take() && {
  std::stable_sort(findings_.begin(), findings_.end(),
                   [](const LintFinding& a, const LintFinding& b) { return a.line < b.line; });
  return std::move(findings_);
}

void lint_lines(LintFindings& findings) {
  constexpr std::size_t most = 998;
  const auto bytes = findings.bytes();
  const bool crlf = bytes.find("\r\n") != std::string_view::npos;
  if (!crlf && bytes.find('\n') != std::string_view::npos)
    findings.add(LintLevel::note, "lf-line-ends", {}, "all lines end with LF, not with CRLF",
                 "nothing to do if postroad sends it: it converts line ends to CRLF");
  for (auto rest = bytes; !rest.empty();) {
    const auto lf = rest.find('\n');
    auto line = rest.substr(0, lf);
    rest.remove_prefix(lf == std::string_view::npos ? rest.size() : lf + 1);
    const bool ends = lf != std::string_view::npos;
    const bool bare_lf = ends && crlf && !line.ends_with('\r');
    if (line.ends_with('\r') && ends) line.remove_suffix(1);
    if (line.size() > most)
      findings.add(LintLevel::error, "long-line", line,
                   "line of " + std::to_string(line.size()) +
                       " bytes: servers may refuse more than 998 (RFC 5321 §4.5.3.1.6)",
                   "encode the part as quoted-printable or base64, or fold the field");
    if (bare_lf)
      findings.add(LintLevel::error, "bare-lf", line, "LF without CR: servers refuse or change it",
                   "end every line with CRLF");
    if (line.find('\r') != std::string_view::npos)
      findings.add(LintLevel::error, "bare-cr", line, "CR without LF: servers refuse or change it",
                   "end every line with CRLF, or encode the part");
    if (line.find('\0') != std::string_view::npos)
      findings.add(LintLevel::error, "nul", line, "NUL: servers refuse or remove it (RFC 5322 §4)",
                   "encode the part as base64");
  }
}

std::vector<LintFinding> lint(std::string_view bytes) {
  constexpr std::size_t usual = std::size_t{10} * 1024 * 1024;
  constexpr std::size_t common_limit = std::size_t{25} * 1024 * 1024;
  LintFindings findings(bytes);
  lint_lines(findings);
  const auto message = MailPart::parse(bytes);
  lint_header(findings, message);
  lint_structure(findings, message);
  if (bytes.size() > usual)
    findings.add(
        bytes.size() > common_limit ? LintLevel::warning : LintLevel::note, "size", {},
        std::to_string(bytes.size() / 1'000'000) + " MB: many servers accept only 10 to 25 MB",
        "send a link instead of the attachment");
  return std::move(findings).take();
}

std::string_view to_string(LintLevel level) noexcept {
  static constexpr std::array<std::string_view, 3> words{"error", "warning", "note"};
  return words[static_cast<std::size_t>(level)];
}

}  // namespace postroad::mail
