import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Base64;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Starts a verification with each of Java's two own clients, and prints both statuses. */
public class Client {
  public static void main(String[] arguments) throws Exception {
    var uri = URI.create("https://verify.twilio.com/v2/Services/" + System.getenv("TWILIO_VERIFY_SERVICE_SID") + "/Verifications");
    var form = "To=" + URLEncoder.encode(arguments[0], "UTF-8") + "&Channel=sms";
    System.out.println(status(older(uri, form)) + " " + status(newer(uri, form)));
  }

  static String older(URI uri, String form) throws Exception {
    var connection = (HttpURLConnection) uri.toURL().openConnection();
    connection.setDoOutput(true);
    connection.setRequestProperty("Authorization", credentials());
    try (OutputStream body = connection.getOutputStream()) {
      body.write(form.getBytes());
    }
    return new String(connection.getInputStream().readAllBytes());
  }

  static String newer(URI uri, String form) throws Exception {
    var request = HttpRequest.newBuilder(uri)
        .header("Authorization", credentials())
        .header("Content-Type", "application/x-www-form-urlencoded")
        .POST(HttpRequest.BodyPublishers.ofString(form));
    return HttpClient.newHttpClient().send(request.build(), HttpResponse.BodyHandlers.ofString()).body();
  }

  static String credentials() {
    var pair = System.getenv("TWILIO_ACCOUNT_SID") + ":" + System.getenv("TWILIO_AUTH_TOKEN");
    return "Basic " + Base64.getEncoder().encodeToString(pair.getBytes());
  }

  static String status(String json) {
    Matcher matcher = Pattern.compile("\"status\":\\s*\"(\\w+)\"").matcher(json);
    return matcher.find() ? matcher.group(1) : json;
  }
}
