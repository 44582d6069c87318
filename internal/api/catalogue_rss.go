package api

import (
	"encoding/xml"
	"net/http"
	"time"
)

// rss is the catalogue as a feed of new models (CT-05). Its items lead to a
// model's endpoints: there is no chat page that use_rss_chat_links could mean.
type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	Channel struct {
		Title       string    `xml:"title"`
		Link        string    `xml:"link"`
		Description string    `xml:"description"`
		Items       []rssItem `xml:"item"`
	} `xml:"channel"`
}

type rssItem struct {
	Title       string `xml:"title"`
	Link        string `xml:"link"`
	GUID        guid   `xml:"guid"`
	Published   string `xml:"pubDate,omitempty"`
	Description string `xml:"description"`
}

type guid struct {
	Permalink bool   `xml:"isPermaLink,attr"`
	Value     string `xml:",chardata"`
}

func feed(found []*entry, origin string) ([]byte, error) {
	f := rss{Version: "2.0"}
	f.Channel.Title, f.Channel.Link, f.Channel.Description = "Models", origin+modelsPath, "Models of this gateway, newest first"
	for _, x := range found {
		m := x.model
		item := rssItem{Title: m.Name, Link: origin + modelsPath + "/" + m.ID + "/endpoints", GUID: guid{Value: m.ID}, Description: m.Description}
		if m.Created > 0 {
			item.Published = time.Unix(m.Created, 0).UTC().Format(time.RFC1123Z)
		}
		f.Channel.Items = append(f.Channel.Items, item)
	}
	text, err := xml.Marshal(f)
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), text...), nil
}

// origin is where the caller found us.
func origin(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
