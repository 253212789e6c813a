import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.apache.lucene.analysis.standard.StandardAnalyzer;
import org.apache.lucene.document.Document;
import org.apache.lucene.document.Field;
import org.apache.lucene.document.TextField;
import org.apache.lucene.monitor.Monitor;
import org.apache.lucene.monitor.MonitorQuery;
import org.apache.lucene.monitor.QueryMatch;
import org.apache.lucene.monitor.TermFilteredPresearcher;
import org.apache.lucene.queryparser.classic.QueryParser;

/**
 * Lucene Monitor's side of the comparison. Arguments: a file of queries, one a line, and a folder of UTF-8 documents.
 *
 * <p>Each line on standard input asks for a round over all documents: "time" answers with its nanoseconds, "list" with a
 * line of matching query numbers a document, in the order of the documents' names.
 */
public final class LuceneMonitor {
  private static final String FIELD = "text";

  public static void main(String[] arguments) throws Exception {
    StandardAnalyzer analyzer = new StandardAnalyzer();
    try (Monitor monitor = new Monitor(analyzer, new TermFilteredPresearcher())) {
      List<MonitorQuery> queries = new ArrayList<>();
      for (String line : Files.readAllLines(Path.of(arguments[0]))) {
        String id = Integer.toString(queries.size());
        queries.add(new MonitorQuery(id, new QueryParser(FIELD, analyzer).parse(line)));
      }
      monitor.register(queries);
      List<String> texts = new ArrayList<>();
      try (var files = Files.list(Path.of(arguments[1]))) {
        for (Path file : files.sorted().toList()) {
          texts.add(Files.readString(file));
        }
      }
      System.out.println("ready");
      BufferedReader orders = new BufferedReader(new InputStreamReader(System.in));
      for (String order = orders.readLine(); order != null; order = orders.readLine()) {
        if (order.equals("time")) {
          System.out.println(time(monitor, texts));
        } else {
          list(monitor, texts);
        }
      }
    }
  }

  private static Document document(String text) {
    Document document = new Document();
    document.add(new TextField(FIELD, text, Field.Store.NO));
    return document;
  }

  private static long time(Monitor monitor, List<String> texts) throws Exception {
    long start = System.nanoTime();
    for (String text : texts) {
      monitor.match(document(text), QueryMatch.SIMPLE_MATCHER);
    }
    return System.nanoTime() - start;
  }

  private static void list(Monitor monitor, List<String> texts) throws Exception {
    for (String text : texts) {
      TreeSet<Integer> found = new TreeSet<>();
      for (QueryMatch match : monitor.match(document(text), QueryMatch.SIMPLE_MATCHER).getMatches()) {
        found.add(Integer.valueOf(match.getQueryId()));
      }
      StringBuilder line = new StringBuilder();
      for (int id : found) {
        line.append(id).append(' ');
      }
      System.out.println(line.toString().trim());
    }
  }
}
